// All keys, from the table that the keyboard itself obeys.
import { For } from "solid-js";
import { keyHelp } from "./keys";

export function Help() {
  return (
    <>
      <dl class="key-help">
        <For each={keyHelp}>
          {(line) => (
            <div>
              <dt>
                <kbd>{line.keys}</kbd>
              </dt>
              <dd>{line.does}</dd>
            </div>
          )}
        </For>
      </dl>
      <p class="quiet">
        With a finger: tap a seat to choose a node, tap a message while time stands to take hold of it, drag the bar to
        wind time. The lab asks no server for anything once it is loaded.
      </p>
    </>
  );
}
