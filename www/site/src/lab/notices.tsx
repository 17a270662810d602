// What went wrong, and what a checker has found: sentences, with what still works.
import { For, Show } from "solid-js";
import type { Desk } from "./desk";
import { clockText } from "./goals";

export function Notices(props: { readonly desk: Desk }) {
  const { desk } = props;
  return (
    <div class="lab-notices">
      <div role="alert">
        <For each={desk.troubles.list()}>
          {(trouble) => (
            <div class="notice" data-testid="trouble">
              <p>
                <strong>{trouble.doing}:</strong> {trouble.message}
              </p>
              <button type="button" class="chip" onClick={() => desk.troubles.dismiss(trouble.id)}>
                Put away
              </button>
            </div>
          )}
        </For>
        <Show when={desk.told().note}>
          {(note) => (
            <p class="notice" data-testid="note">
              {note()}
            </p>
          )}
        </Show>
        <Show when={desk.told().violation}>
          {(violation) => (
            <div class="notice grave" data-testid="violation">
              <p>
                <strong>A promise was broken at {clockText(violation().at)}, and time stopped.</strong>{" "}
                {violation().rule} What broke it: {violation().what}.
              </p>
              <p class="quiet">
                Found by the checker "{violation().checker}"
                <Show when={violation().nodes.length > 0}>, at {violation().nodes.join(", ")}</Show>
                <Show when={violation().keys.length > 0}>, key {violation().keys.join(", ")}</Show>. Wind time back and
                watch how it came to that.
              </p>
              <div class="actions">
                <Show when={violation().keys[0]}>
                  {(key) => (
                    <button
                      type="button"
                      class="chip"
                      onClick={() => {
                        desk.setKey({ bucket: "kv", key: key() });
                        desk.setPanel("key");
                      }}
                    >
                      Look at {key()}
                    </button>
                  )}
                </Show>
                <button
                  type="button"
                  class="chip"
                  onClick={() => {
                    desk.seek(Math.max(0, violation().at - 1));
                    desk.setPanel("log");
                  }}
                >
                  To the moment before
                </button>
              </div>
            </div>
          )}
        </Show>
      </div>
    </div>
  );
}
