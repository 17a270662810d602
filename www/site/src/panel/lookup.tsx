// Where a key lives: its position, the walk clockwise, and the preference list that every tab computes alike.
import { Show } from "solid-js";
import type { Peer } from "../peer/peer";
import { Walk } from "../ring/walk";
import type { Desk } from "./desk";
import { Replicas } from "./replicas";

export function Lookup(props: { readonly desk: Desk; readonly peer: Peer }) {
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
            <p class="hash" data-testid="hash">
              <code>
                hash({way().bucket} / {way().key})
              </code>{" "}
              = {way().position.toFixed(6)} of the circle, {(way().position * 360).toFixed(1)}°. The walk begins there:
            </p>
            <Walk way={way()} seats={desk.seats} lit={desk.lit()} onLit={desk.setLit} />
            <Replicas desk={desk} peer={props.peer} />
          </>
        )}
      </Show>
    </div>
  );
}
