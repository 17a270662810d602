// The panel of one key: write and read it, see the request rise, and see where it lies and what each copy holds.
import { createMemo, createSignal, For, Show } from "solid-js";
import { Walk } from "../ring/walk";
import { NodeSelect } from "./act";
import type { Level } from "./contract";
import type { Desk } from "./desk";
import { Replicas } from "./replicas";
import { Requests } from "./requests";
import type { Verbs } from "./verbs";

export const levels: readonly { readonly value: string; readonly says: string }[] = [
  { value: "local", says: "local: this node alone" },
  { value: "one", says: "one: one owner" },
  { value: "quorum", says: "quorum: most" },
  { value: "all", says: "all: every owner" },
  { value: "1", says: "1 answer" },
  { value: "2", says: "2 answers" },
  { value: "3", says: "3 answers" },
];

const loads: readonly { readonly every: number; readonly says: string }[] = [
  { every: 200, says: "5 times a second" },
  { every: 20, says: "50 times a second" },
  { every: 0, says: "no more" },
];

export function levelOf(text: string): Level {
  const count = Number(text);
  return Number.isInteger(count) ? (count as Level) : (text as Level);
}

export function KeyPanel(props: { readonly desk: Desk; readonly verbs: Verbs }) {
  const { desk } = props;
  const seats = createMemo(() => desk.seats());
  return (
    <div class="key-panel">
      <Ask desk={desk} verbs={props.verbs} />
      <Requests desk={desk} />
      <Show when={desk.way()}>
        {(way) => (
          <section class="deeds" aria-labelledby="where-title">
            <h3 id="where-title">Where it lies</h3>
            <p class="quiet">
              A <dfn>hash</dfn> makes of the key a place on the ring; walking clockwise from there, the first different
              devices met are its <dfn>owners</dfn>, the next are <dfn>fallbacks</dfn>, and both together are its{" "}
              <dfn>preference list</dfn> (Dynamo §4.2, §4.3).
            </p>
            <Walk way={way()} seats={seats()} lit={desk.lit()} onLit={desk.setLit} />
          </section>
        )}
      </Show>
      <Replicas desk={desk} />
    </div>
  );
}

function Ask(props: { readonly desk: Desk; readonly verbs: Verbs }) {
  const { desk, verbs } = props;
  const [where, setWhere] = createSignal<string>();
  const [value, setValue] = createSignal("tea");
  const [level, setLevel] = createSignal("quorum");
  const tab = () => where() ?? desk.node() ?? desk.told().nodes.find((node) => node.open)?.name;
  const ask = (does: (tab: string, key: string, level: Level) => void) => () => {
    const at = tab();
    if (at === undefined) desk.troubles.report("Asking", new Error("No node is open; start one first."));
    else does(at, desk.key().key, levelOf(level()));
  };
  return (
    <form class="ask" onSubmit={(event) => event.preventDefault()}>
      <div class="row">
        <div class="field">
          <label for="ask-key">Key</label>
          <input
            id="ask-key"
            data-testid="ask-key"
            type="text"
            maxlength={200}
            autocomplete="off"
            spellcheck={false}
            value={desk.key().key}
            onInput={(event) => desk.setKey({ bucket: desk.key().bucket, key: event.currentTarget.value })}
          />
        </div>
        <div class="field">
          <label for="ask-value">Value</label>
          <input
            id="ask-value"
            data-testid="ask-value"
            type="text"
            maxlength={200}
            autocomplete="off"
            spellcheck={false}
            value={value()}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </div>
        <NodeSelect desk={desk} label="At" testid="ask-node" value={tab()} openOnly={true} onChange={setWhere} />
        <div class="field">
          <label for="ask-level">Enough is</label>
          <select id="ask-level" data-testid="ask-level" onChange={(event) => setLevel(event.currentTarget.value)}>
            <For each={levels}>
              {(known) => (
                <option value={known.value} selected={known.value === level()}>
                  {known.says}
                </option>
              )}
            </For>
          </select>
        </div>
      </div>
      <div class="actions">
        <button
          type="submit"
          class="primary"
          data-testid="ask-put"
          onClick={ask((at, key, how) => verbs.put(at, key, value(), how))}
        >
          Write
        </button>
        <button type="button" data-testid="ask-get" onClick={ask(verbs.get)}>
          Read
        </button>
        <button type="button" data-testid="ask-delete" onClick={ask(verbs.remove)}>
          Delete
        </button>
      </div>
      <div class="load" role="group" aria-label="Requests of others, of fifty other keys">
        <span aria-hidden="true">Others ask</span>
        <For each={loads}>
          {(load) => (
            <button
              type="button"
              class="chip"
              data-testid={`load-${load.every}`}
              onClick={() => verbs.load(load.every)}
            >
              {load.says}
            </button>
          )}
        </For>
      </div>
      <p class="quiet">
        The node that is asked <dfn>coordinates</dfn>: it sends the request to the owners and counts answers. With{" "}
        <dfn>R</dfn> answers to a read, <dfn>W</dfn> to a write and <dfn>N</dfn> copies, R + W &gt; N makes every read
        meet the newest write (Dynamo §4.5). Nothing moves until you let time run.
      </p>
    </form>
  );
}
