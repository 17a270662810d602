// Each replica of a key, as far as this tab can know: its own copy to the last dot, of the others only what they said.
//
// A tab does not see into another. What it knows of one is whether it is thought to be there, whether it has confirmed
// what this tab wrote, whether it answered when it was last asked, and whether a hint is kept for it here.
import { createEffect, createSignal, For, on, Show } from "solid-js";
import type { Held, Value } from "../peer/package";
import type { Peer } from "../peer/peer";
import { describe } from "../peer/trouble";
import type { Seat } from "../ring/model";
import type { Desk } from "./desk";

const fallbacksShownMax = 8;
const valueLettersMax = 80;

export function Replicas(props: { readonly desk: Desk; readonly peer: Peer }) {
  const { desk, peer } = props;
  const [answered, setAnswered] = createSignal<readonly string[]>();
  const [asking, setAsking] = createSignal(false);
  const [problem, setProblem] = createSignal<string>();
  createEffect(
    on([desk.chosen, peer.joined], () => {
      setAnswered(undefined);
      setProblem(undefined);
    }),
  );
  const ask = async () => {
    const here = peer.joined();
    const { bucket, key } = desk.chosen();
    if (here === undefined) return;
    setAsking(true);
    setProblem(undefined);
    try {
      const read = await peer.bucketNamed(here, bucket).get(key, { level: "all", timeoutMs: 3_000 });
      if (desk.chosen().bucket === bucket && desk.chosen().key === key) setAnswered(read.answered);
    } catch (error) {
      setProblem(describe(error).message);
    } finally {
      setAsking(false);
    }
  };
  const rows = () => {
    const way = desk.way();
    if (way === undefined) return [];
    const row = (kind: "owner" | "fallback") => (id: string, i: number) => ({ id, kind, rank: i + 1 });
    return [...way.owners.map(row("owner")), ...way.fallbacks.slice(0, fallbacksShownMax).map(row("fallback"))];
  };
  const more = () => Math.max(0, (desk.way()?.fallbacks.length ?? 0) - fallbacksShownMax);
  return (
    <div class="replicas">
      <div class="table-scroll" role="region" aria-label="Replicas of this key, as a table" tabindex="0">
        <table class="members" data-testid="preference">
          <caption>What this tab believes of each replica</caption>
          <thead>
            <tr>
              <th scope="col">Part</th>
              <th scope="col">Node</th>
              <th scope="col">It is</th>
              <th scope="col">What this tab knows of its copy</th>
            </tr>
          </thead>
          <tbody>
            <For each={rows()}>
              {(row) => (
                <tr data-testid={`preference-${row.kind}`} data-node-id={row.id}>
                  <td>
                    <span class={`role ${row.kind}`}>
                      <span class={`badge-dot ${row.kind}`} aria-hidden="true">
                        {row.kind === "owner" ? row.rank : `f${row.rank}`}
                      </span>
                      {row.kind} {row.rank}
                    </span>
                  </td>
                  <th scope="row">
                    {desk.nameOf(row.id)} <span class="quiet">device {desk.deviceOf(row.id) ?? "?"}</span>
                  </th>
                  <td>{statusOf(desk.seats.find((seat) => seat.id === row.id))}</td>
                  <td data-testid="replica-known">{known(desk, row.id, answered())}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </div>
      <Show when={more() > 0}>
        <p class="quiet">and {more()} more fallbacks, in the order of the walk.</p>
      </Show>
      <div class="actions">
        <button type="button" class="chip" disabled={asking()} data-testid="replicas-ask" onClick={ask}>
          {asking() ? "Asking…" : "Ask all owners"}
        </button>
      </div>
      <Show when={problem()}>
        {(text) => (
          <p class="field-problem" role="alert">
            {text()}
          </p>
        )}
      </Show>
      <Show when={desk.held()}>{(held) => <OwnCopy held={held()} desk={desk} />}</Show>
    </div>
  );
}

function OwnCopy(props: { readonly held: Held; readonly desk: Desk }) {
  const name = (id: string) => (props.desk.isSelf(id) ? "this tab" : props.desk.nameOf(id));
  const dots = () => props.held.clock.map(({ node, counter }) => `${name(node)}: ${counter}`).join(", ");
  return (
    <section
      class="own-copy"
      aria-labelledby="own-copy"
      data-testid="own-copy"
      data-versions={props.held.versions.length}
    >
      <h3 id="own-copy">What lies in this tab</h3>
      <Show
        when={props.held.clock.length > 0}
        fallback={<p class="quiet">Nothing: this tab knows no write of this key.</p>}
      >
        <ol class="versions">
          <For each={props.held.versions} fallback={<li>No value: it was deleted, and the clock remembers that.</li>}>
            {(version) => (
              <li classList={{ concurrent: props.held.versions.length > 1 }}>
                <span class="dot-name">
                  {name(version.node)} <span class="quiet">write</span> {version.counter}
                </span>
                <code>{version.value === undefined ? "a part" : short(version.value)}</code>
                <Show when={props.held.versions.length > 1}>
                  <span class="tag">concurrent</span>
                </Show>
              </li>
            )}
          </For>
        </ol>
        <p class="quiet">
          Its <dfn>clock</dfn>, up to which write of whom this copy has seen the key (§4.4): {dots()}.
        </p>
        <Show when={props.held.heldFor.length > 0}>
          <p data-testid="held-for">
            Kept here as a <dfn>hint</dfn>, for who is to have it when they are back (§4.6):{" "}
            <strong>{props.held.heldFor.map(name).join(", ")}</strong>.
          </p>
        </Show>
      </Show>
    </section>
  );
}

function statusOf(seat: Seat | undefined): string {
  if (seat === undefined) return "not known any more";
  if (seat.self) return "this tab";
  return `${seat.status}${seat.linked ? ", linked" : ""}`;
}

function known(desk: Desk, id: string, answered: readonly string[] | undefined): string {
  if (desk.isSelf(id)) {
    const held = desk.held();
    if (held === undefined || held.clock.length === 0) return "nothing lies here";
    const { length } = held.versions;
    return length === 0 ? "a tombstone: deleted" : `${length} ${length === 1 ? "version" : "versions at once"}`;
  }
  const words: string[] = [];
  if (desk.confirmed().includes(id)) words.push("has confirmed this tab's last write");
  if (answered !== undefined) words.push(answered.includes(id) ? "answered when asked" : "did not answer");
  if (desk.held()?.heldFor.includes(id)) words.push("a hint waits here for it");
  return words.join("; ") || "not asked yet";
}

function short(value: Value): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > valueLettersMax ? `${text.slice(0, valueLettersMax - 1)}…` : text;
}
