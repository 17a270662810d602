// The room in figures, and what the ring is for: how few keys move when a node comes, beside `hash mod N`.
import { createMemo, For } from "solid-js";
import type { Desk } from "./desk";
import { clockText } from "./goals";

const kinds = ["request", "gossip", "repair", "transfer", "link"] as const;
const kindSays: Readonly<Record<(typeof kinds)[number], string>> = {
  request: "writes, reads and their answers",
  gossip: "news of members, passed from node to node",
  repair: "copies compared and evened out",
  transfer: "shares handed over when nodes come and go",
  link: "two nodes opening a link",
};

export function Figures(props: { readonly desk: Desk }) {
  const { desk } = props;
  const metrics = createMemo(() => desk.told().metrics);
  const peak = () => Math.max(1, ...kinds.map((kind) => metrics().bytesPerSecond[kind] ?? 0));
  const moved = (keys: number) => keys / Math.max(1, metrics().movedKeys.of);
  const ms = (value: number | null | undefined) =>
    value === undefined || value === null ? "–" : `${Math.round(value)} ms`;
  const converged = () => {
    const at = metrics().convergedAt;
    return at === undefined || at === null ? "not yet" : clockText(at);
  };
  return (
    <div class="figures-panel">
      <dl class="counts">
        <Count term="all agree since" value={converged()} />
        <Count term="hints held" value={String(metrics().hints)} />
        <Count term="write, half within" value={ms(metrics().p50Ms.put)} />
        <Count term="write, 99 % within" value={ms(metrics().p99Ms.put)} />
        <Count term="read, half within" value={ms(metrics().p50Ms.get)} />
        <Count term="read, 99 % within" value={ms(metrics().p99Ms.get)} />
      </dl>
      <section class="deeds" aria-labelledby="mod-title">
        <h3 id="mod-title">Keys that move when the table changes</h3>
        <p class="quiet">
          With <code>hash mod N</code> a key's owner is its hash's remainder by the number of nodes: one more node, and
          almost every key has another owner. On a ring only the newcomer's share moves, about 1 in N + 1:{" "}
          <dfn>consistent hashing</dfn> (Dynamo §4.2).
        </p>
        <dl class="moved" data-testid="moved">
          <Moved term="ring" part={moved(metrics().movedKeys.ring)} />
          <Moved term="hash mod N" part={moved(metrics().movedKeys.mod)} />
        </dl>
      </section>
      <section class="deeds" aria-labelledby="bytes-title">
        <h3 id="bytes-title">Bytes a second, by kind</h3>
        <table class="bytes" data-testid="traffic">
          <tbody>
            <For each={kinds}>
              {(kind) => (
                <tr>
                  <th scope="row">
                    <span class={`kind-mark of-${kind}`} aria-hidden="true" /> {kind}
                    <span class="quiet bytes-says">{kindSays[kind]}</span>
                  </th>
                  <td>
                    <Bar part={(metrics().bytesPerSecond[kind] ?? 0) / peak()} />
                  </td>
                  <td class="number">{Math.round(metrics().bytesPerSecond[kind] ?? 0).toLocaleString("en")}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </section>
    </div>
  );
}

function Count(props: { readonly term: string; readonly value: string }) {
  return (
    <div>
      <dd>{props.value}</dd>
      <dt>{props.term}</dt>
    </div>
  );
}

/** A part of all keys, 0–1. */
function Moved(props: { readonly term: string; readonly part: number }) {
  return (
    <div class="moved-row">
      <dt>{props.term}</dt>
      <dd>
        <Bar part={props.part} />
        <span class="moved-number">{(props.part * 100).toFixed(0)}%</span>
      </dd>
    </div>
  );
}

function Bar(props: { readonly part: number }) {
  return (
    <svg class="share-bar wide-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="share-track" width="100" height="6" />
      <rect class="share-fill" width={Math.max(0, Math.min(100, props.part * 100))} height="6" />
    </svg>
  );
}
