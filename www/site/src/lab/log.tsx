// What happened, newest first, from the lab's own record; each line winds time to its moment.
import { createMemo, createSignal, For, Show } from "solid-js";
import type { LogEntry } from "./contract";
import type { Desk } from "./desk";
import { clockText } from "./goals";
import { kindWords, sentenceOf } from "./words";

const shownMax = 200;
const readMax = 1500; // of which some are narrowed away

export function Log(props: { readonly desk: Desk }) {
  const { desk } = props;
  const [only, setOnly] = createSignal("");
  const [about, setAbout] = createSignal(false); // only what concerns the chosen node
  const entries = createMemo<readonly LogEntry[]>(() => {
    desk.version();
    const lab = desk.histories.lab();
    if (lab === undefined) return [];
    try {
      return JSON.parse(lab.log(Math.max(desk.told().first, desk.told().next - readMax)));
    } catch (error) {
      desk.troubles.report("Reading the log", error);
      return [];
    }
  });
  const kinds = createMemo(() => [...new Set(entries().map((entry) => entry.kind))].sort());
  const shown = createMemo(() => {
    return entries()
      .filter((entry) => only() === "" || entry.kind === only())
      .filter((entry) => !about() || desk.node() === undefined || entry.node === desk.node())
      .slice(-shownMax)
      .reverse();
  });
  return (
    <div class="log-panel">
      <div class="row">
        <div class="field">
          <label for="log-kind">Show</label>
          <select id="log-kind" data-testid="log-kind" onChange={(event) => setOnly(event.currentTarget.value)}>
            <option value="">everything</option>
            <For each={kinds()}>
              {(kind) => (
                <option value={kind} selected={kind === only()}>
                  {kindWords(kind)}
                </option>
              )}
            </For>
          </select>
        </div>
        <label class="tick">
          <input
            type="checkbox"
            data-testid="log-about"
            checked={about()}
            onChange={(event) => setAbout(event.currentTarget.checked)}
          />
          only {desk.node() ?? "the chosen node"}
        </label>
      </div>
      <ol class="log lab-log" data-testid="lab-log" tabindex="0" aria-label="What happened, newest first">
        <For each={shown()} fallback={<li class="quiet">Nothing yet. Let time run, or take a step.</li>}>
          {(entry) => (
            <li data-testid="log-entry" data-kind={entry.kind}>
              <button
                type="button"
                class="link-like"
                title="Wind time to this moment"
                aria-label={`Wind time to ${clockText(entry.at)}`}
                onClick={() => desk.seek(entry.at)}
              >
                {clockText(entry.at)}
              </button>
              <span class="log-kind">{entry.node ?? ""}</span>
              <span class="log-text">{sentenceOf(entry)}</span>
            </li>
          )}
        </For>
      </ol>
      <Show when={shown().length === shownMax}>
        <p class="quiet">The newest {shownMax}.</p>
      </Show>
    </div>
  );
}
