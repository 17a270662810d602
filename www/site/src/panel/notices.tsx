// Everything that limits this tab or went wrong, each as a sentence with what still works. Nothing is swallowed.
import { For, Match, Show, Switch } from "solid-js";
import type { Peer } from "../peer/peer";

export function Notices(props: { readonly peer: Peer }) {
  const { peer } = props;
  const failed = () => {
    const phase = peer.phase();
    return phase.is === "failed" ? phase : undefined;
  };
  const chosenMemory = () => peer.storage() === "memory" && peer.able.storage === "indexeddb";
  return (
    <div class="notices">
      <For each={peer.able.notices}>
        {(notice) => (
          <p class="notice" data-testid="notice" data-notice={notice.id}>
            <strong>{notice.title}</strong> {notice.text}
          </p>
        )}
      </For>
      <Show when={chosenMemory()}>
        <p class="notice" data-testid="notice" data-notice="memory-chosen">
          <strong>Memory only, as you chose.</strong> What this tab holds is gone when it closes, so keep another tab
          open.
        </p>
      </Show>
      <div role="alert">
        <Show when={failed()}>
          {(failure) => (
            <div class="notice grave" data-testid="failure" data-code={failure().code}>
              <Switch>
                <Match when={failure().step === "load"}>
                  <p>
                    <strong>The store itself did not load</strong>, so this tab is not a peer yet. Nothing is lost: what
                    this browser already keeps stays where it is, and other tabs go on without this one. You can still
                    pass on the room's link.
                  </p>
                </Match>
                <Match when={failure().step === "join"}>
                  <p>
                    <strong>This tab could not join.</strong> Nothing is lost: what this browser already keeps stays
                    where it is, and other tabs go on without this one.
                  </p>
                </Match>
              </Switch>
              <p class="reason">
                {failure().message}
                <Show when={failure().code}>{(code) => <code>{code()}</code>}</Show>
              </p>
              <p class="actions">
                <button type="button" onClick={peer.join}>
                  Try again
                </button>
                <Show when={failure().code === "storage" || failure().code === "quota"}>
                  <button type="button" onClick={peer.goOnInMemory}>
                    Go on in memory only
                  </button>
                </Show>
              </p>
            </div>
          )}
        </Show>
        <For each={peer.troubles.list()}>
          {(trouble) => (
            <p class="notice grave" data-testid="trouble" data-code={trouble.code}>
              <span>
                <strong>{trouble.doing}:</strong> {trouble.message}{" "}
                <Show when={trouble.code}>
                  <code>{trouble.code}</code>
                </Show>
              </span>
              <button
                type="button"
                class="dismiss"
                aria-label={`Put away: ${trouble.message}`}
                onClick={() => peer.troubles.dismiss(trouble.id)}
              >
                ×
              </button>
            </p>
          )}
        </For>
      </div>
    </div>
  );
}
