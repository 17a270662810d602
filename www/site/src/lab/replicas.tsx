// Each copy of the key side by side: its clock, its siblings, and for whom it is held.
//
// The lab looks into every disk at once, which no node can. A dot that other copies have not seen, and that has not
// seen theirs, is concurrent: it is marked by a word and an edge, not by colour alone.
import { createMemo, For, Show } from "solid-js";
import type { Replica } from "./contract";
import type { Desk } from "./desk";

export function Replicas(props: { readonly desk: Desk }) {
  const { desk } = props;
  const list = createMemo(() => (desk.told().key?.replicas ?? []).filter(isWorthShowing));
  return (
    <section class="deeds" aria-labelledby="replicas-title">
      <h3 id="replicas-title">What each copy holds</h3>
      <p class="quiet">
        A <dfn>clock</dfn> says which writes a copy has seen; two values neither of which has seen the other are{" "}
        <dfn>siblings</dfn>, and both are kept (Dynamo §4.4). A <dfn>hint</dfn> is a copy held for an owner who is away
        (Dynamo §4.6).
      </p>
      <ul class="replicas" data-testid="replicas">
        <For each={list()} fallback={<li class="quiet">The ring is empty.</li>}>
          {(replica) => <Card replica={replica} desk={desk} />}
        </For>
      </ul>
    </section>
  );
}

function isWorthShowing(replica: Replica): boolean {
  return replica.role === "owner" || replica.found || replica.deleted === true || held(replica).length > 0;
}

function held(replica: Replica): readonly string[] {
  return replica.hintsFor ?? [];
}

function Card(props: { readonly replica: Replica; readonly desk: Desk }) {
  const badge = () => {
    const rank = (props.replica.rank ?? 0) + 1;
    return props.replica.role === "owner" ? String(rank) : `f${rank - (props.desk.told().key?.owners.length ?? 0)}`;
  };
  const clock = () =>
    Object.entries(props.replica.clock)
      .map(([actor, count]) => `${actor} ${count}`)
      .join(", ");
  const isAway = () => props.desk.nodeOf(props.replica.name)?.open === false;
  return (
    <li
      class="replica"
      classList={{ empty: !props.replica.found, lit: props.desk.lit() === props.desk.idOf(props.replica.name) }}
      data-testid="replica"
      data-name={props.replica.name}
      data-role={props.replica.role}
      data-found={props.replica.found}
      onPointerEnter={() => props.desk.setLit(props.desk.idOf(props.replica.name))}
      onPointerLeave={() => props.desk.setLit(undefined)}
    >
      <p class="replica-head">
        <Show when={props.replica.role !== "other"}>
          <span class={`badge-dot ${props.replica.role}`} aria-hidden="true">
            {badge()}
          </span>
        </Show>
        <strong>{props.replica.name}</strong>
        <span class="quiet">
          {props.replica.role === "other" ? "no owner" : props.replica.role}
          {isAway() ? ", closed" : ""}
        </span>
      </p>
      <Show when={held(props.replica).length > 0}>
        <p class="held-for">held for {held(props.replica).join(", ")}</p>
      </Show>
      <Show when={props.replica.found} fallback={<p class="quiet">holds nothing of it</p>}>
        <ul class="dots">
          <For each={props.replica.siblings} fallback={<li class="quiet">deleted: a tombstone, kept a while</li>}>
            {(sibling) => (
              <li class="sibling" classList={{ concurrent: sibling.concurrent }}>
                <span class="sibling-value">{sibling.value}</span>
                <span class="quiet">{sibling.dot}</span>
                <Show when={sibling.concurrent}>
                  <span class="concurrent-mark">concurrent</span>
                </Show>
              </li>
            )}
          </For>
        </ul>
        <p class="quiet clock-line">has seen {clock() || "nothing"}</p>
      </Show>
    </li>
  );
}
