// The members as a table: the equal of the ring. What is believed on the left, how it really is on the right.
import { createMemo, For, Show } from "solid-js";
import { roleOf } from "../ring/model";
import type { LabNode, Member } from "./contract";
import type { Desk } from "./desk";
import { seated } from "./verbs";

export function Nodes(props: { readonly desk: Desk }) {
  const { desk } = props;
  const list = createMemo(() => seated(desk));
  const from = () => desk.seenFrom();
  return (
    <div class="nodes-panel">
      <div class="row">
        <div class="field">
          <label for="seen-from">As seen from</label>
          <select
            id="seen-from"
            data-testid="seen-from"
            onChange={(event) => desk.setSeenFrom(event.currentTarget.value || undefined)}
          >
            <option value="" selected={from() === undefined}>
              everybody together
            </option>
            <For each={list().filter((node) => node.open)}>
              {(node) => (
                <option value={node.name} selected={node.name === from()}>
                  {node.name}
                </option>
              )}
            </For>
          </select>
        </div>
      </div>
      <p class="quiet">
        There is no list of members that all read: each node believes what <dfn>gossip</dfn> has told it, node to node,
        so views differ for a while (Dynamo §4.8). A node that does not answer is <dfn>suspect</dfn>, one that is away
        for longer is <dfn>dormant</dfn>.
      </p>
      <div class="table-scroll" role="region" aria-label="Nodes, as a table" tabindex="0">
        <table class="members" data-testid="nodes">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">{from() === undefined ? "Believed" : `${from()} believes`}</th>
              <th scope="col">Really</th>
              <th scope="col" class="number">
                Share
              </th>
              <th scope="col" class="number">
                Tokens
              </th>
              <th scope="col" class="number">
                Keys
              </th>
              <th scope="col" class="number">
                Hints
              </th>
              <th scope="col" class="number">
                Links
              </th>
              <th scope="col">This key</th>
            </tr>
          </thead>
          <tbody>
            <For each={list()}>{(node) => <Row node={node} desk={desk} />}</For>
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Row(props: { readonly node: LabNode; readonly desk: Desk }) {
  const { desk } = props;
  const member = createMemo<Member | undefined>(() => desk.told().members.find((known) => known.id === props.node.id));
  const believed = () => member()?.status ?? "unknown";
  const role = () => roleOf(desk.way(), props.node.id);
  const really = () => {
    const { open, frozen, diskFull } = props.node;
    if (!open) return "closed";
    return [frozen ? "frozen" : "open", diskFull ? "disk full" : ""].filter(Boolean).join(", ");
  };
  return (
    <tr
      classList={{ lit: desk.lit() === props.node.id, chosen: desk.node() === props.node.name }}
      data-testid="node-row"
      data-name={props.node.name}
      data-status={believed()}
      onPointerEnter={() => desk.setLit(props.node.id)}
      onPointerLeave={() => desk.setLit(undefined)}
    >
      <th scope="row">
        <button
          type="button"
          class="row-button"
          aria-pressed={desk.node() === props.node.name}
          onFocus={() => desk.setLit(props.node.id)}
          onBlur={() => desk.setLit(undefined)}
          onClick={() => desk.setNode(desk.node() === props.node.name ? undefined : props.node.name)}
        >
          {props.node.name}
        </button>
      </th>
      <td>
        <span class={`status is-${believed()}`}>
          <Show when={member() !== undefined}>
            <span class="status-mark" aria-hidden="true" />
          </Show>
          {believed()}
        </span>
      </td>
      <td>{really()}</td>
      <td class="number">{((member()?.owns ?? 0) * 100).toFixed(1)}%</td>
      <td class="number">{props.node.capacity}</td>
      <td class="number">{props.node.keys}</td>
      <td class="number">{props.node.hints}</td>
      <td class="number">{props.node.links}</td>
      <td>
        <Show when={role()} fallback={<span class="quiet">–</span>}>
          {(r) => (
            <span class={`role ${r().kind}`}>
              <span class={`badge-dot ${r().kind}`} aria-hidden="true">
                {r().kind === "owner" ? r().rank : `f${r().rank}`}
              </span>
              {r().kind === "owner" ? "owner" : "stands in"}
            </span>
          )}
        </Show>
      </td>
    </tr>
  );
}
