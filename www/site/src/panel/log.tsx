// What happened, newest first; can be held still and narrowed by kind. Bounded by the journal.
import { createMemo, createSignal, For, Show } from "solid-js";
import { type Entry, type EntryKind, entryKinds, type Journal } from "../peer/journal";

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

export function Log(props: { readonly journal: Journal; readonly nameOf: (id: string) => string }) {
  const [held, setHeld] = createSignal<readonly Entry[]>();
  const [hidden, setHidden] = createSignal<ReadonlySet<EntryKind>>(new Set());
  const [sought, setSought] = createSignal("");
  const shown = createMemo(() => {
    const text = sought().trim().toLowerCase();
    const kept = (held() ?? props.journal.entries()).filter((entry) => !hidden().has(entry.kind));
    return text === "" ? kept : kept.filter((entry) => entry.say(props.nameOf).toLowerCase().includes(text));
  });
  const toggle = (kind: EntryKind) =>
    setHidden((before) => {
      const after = new Set(before);
      if (!after.delete(kind)) after.add(kind);
      return after;
    });
  return (
    <div class="log-box">
      <div class="log-tools" role="group" aria-label="What the log shows">
        <For each={entryKinds}>
          {(kind) => (
            <button
              type="button"
              class="chip"
              data-testid={`log-kind-${kind}`}
              aria-pressed={!hidden().has(kind)}
              onClick={() => toggle(kind)}
            >
              {kind}
            </button>
          )}
        </For>
        <input
          type="search"
          class="log-search"
          data-testid="log-search"
          aria-label="Show only events that say"
          placeholder="Filter: a name, a word"
          autocomplete="off"
          value={sought()}
          onInput={(event) => setSought(event.currentTarget.value)}
        />
        <button
          type="button"
          class="chip hold"
          data-testid="log-hold"
          aria-pressed={held() !== undefined}
          onClick={() => setHeld(held() === undefined ? props.journal.entries() : undefined)}
        >
          {held() === undefined ? "Hold still" : "Go on"}
        </button>
      </div>
      <ol class="log" data-testid="log" tabindex="0" aria-label="Events, newest first">
        <For
          each={shown()}
          fallback={<li class="quiet">{sought() === "" ? "Nothing yet." : "No event says that."}</li>}
        >
          {(entry) => (
            <li data-testid="log-entry" data-kind={entry.kind}>
              <time datetime={entry.at.toISOString()}>{clock.format(entry.at)}</time>
              <span class={`log-kind kind-${entry.kind}`}>{entry.kind}</span>
              <span class="log-text">{entry.say(props.nameOf)}</span>
            </li>
          )}
        </For>
      </ol>
      <Show when={held()}>
        <p class="quiet">Held still; newer events are waiting.</p>
      </Show>
    </div>
  );
}
