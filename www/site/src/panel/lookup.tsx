// Where a key lives: its position, the walk clockwise, and the preference list that every tab computes alike.
import { For, Show } from "solid-js";
import { Walk } from "../ring/walk";
import type { Desk } from "./desk";

export function Lookup(props: { readonly desk: Desk }) {
  const { desk } = props;
  const set = (part: "bucket" | "key") => (event: InputEvent & { currentTarget: HTMLInputElement }) =>
    desk.look({ ...desk.chosen(), [part]: event.currentTarget.value });
  return (
    <div class="lookup" data-testid="lookup">
      <div class="pair">
        <div class="field">
          <label for="look-bucket">Bucket</label>
          <input
            id="look-bucket"
            data-testid="look-bucket"
            type="text"
            autocomplete="off"
            spellcheck={false}
            value={desk.chosen().bucket}
            onInput={set("bucket")}
          />
        </div>
        <div class="field">
          <label for="look-key">Key</label>
          <input
            id="look-key"
            data-testid="look-key"
            type="text"
            autocomplete="off"
            spellcheck={false}
            value={desk.chosen().key}
            onInput={set("key")}
          />
        </div>
      </div>
      <Show when={desk.wayProblem()}>
        {(text) => (
          <p class="field-problem" role="alert">
            {text()}
          </p>
        )}
      </Show>
      <Show when={desk.way()}>
        {(way) => (
          <>
            <Walk way={way()} seats={desk.seats} lit={desk.lit()} onLit={desk.setLit} />
            <dl class="preference" data-testid="preference">
              <div>
                <dt>
                  Owners <span class="quiet">keep a copy</span>
                </dt>
                <For each={way().owners} fallback={<dd class="quiet">none</dd>}>
                  {(id, i) => (
                    <dd data-testid="preference-owner" data-node-id={id}>
                      <span class="badge-dot owner" aria-hidden="true">
                        {i() + 1}
                      </span>
                      {desk.nameOf(id)} <span class="quiet">device {desk.deviceOf(id) ?? "?"}</span>
                    </dd>
                  )}
                </For>
              </div>
              <div>
                <dt>
                  Fallbacks <span class="quiet">stand in, in this order</span>
                </dt>
                <For
                  each={way().fallbacks.slice(0, 8)}
                  fallback={<dd class="quiet">none: everybody here is an owner</dd>}
                >
                  {(id, i) => (
                    <dd data-testid="preference-fallback" data-node-id={id}>
                      <span class="badge-dot fallback" aria-hidden="true">
                        f{i() + 1}
                      </span>
                      {desk.nameOf(id)} <span class="quiet">device {desk.deviceOf(id) ?? "?"}</span>
                    </dd>
                  )}
                </For>
                <Show when={way().fallbacks.length > 8}>
                  <dd class="quiet">and {way().fallbacks.length - 8} more</dd>
                </Show>
              </div>
            </dl>
          </>
        )}
      </Show>
    </div>
  );
}
