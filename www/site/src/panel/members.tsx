// Who is here, as a table: the equal of the ring for eyes, keyboards and screen readers alike.
import { For, Show } from "solid-js";
import { roleOf, type Seat, type Status } from "../ring/model";
import type { Desk } from "./desk";

const statusWords: Readonly<Record<Status, string>> = {
  joining: "copying what it is about to own",
  up: "answers",
  suspect: "silent for the moment; others stand in",
  dormant: "away; the next nodes cover its share",
  leaving: "handing everything over",
  departed: "gone for good",
};

export function Members(props: { readonly desk: Desk }) {
  const { desk } = props;
  return (
    <div class="table-scroll" role="region" aria-label="Members, as a table" tabindex="0">
      <table class="members" data-testid="members">
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col">Status</th>
            <th scope="col" class="number">
              Share
            </th>
            <th scope="col">Device</th>
            <th scope="col">Link</th>
            <th scope="col">For this key</th>
          </tr>
        </thead>
        <tbody>
          <For
            each={desk.seats}
            fallback={
              <tr>
                <td colspan={6} class="quiet">
                  Nobody yet; this tab is opening its storage.
                </td>
              </tr>
            }
          >
            {(seat) => <Row seat={seat} desk={desk} />}
          </For>
        </tbody>
      </table>
    </div>
  );
}

function Row(props: { readonly seat: Seat; readonly desk: Desk }) {
  const role = () => roleOf(props.desk.way(), props.seat.id);
  const lit = () => props.desk.lit() === props.seat.id;
  const link = () => {
    if (props.seat.self) return "–";
    if (!props.seat.linked) return "through others";
    return props.desk.peer.relayed().has(props.seat.id) ? "through the rendezvous, slowly" : "direct";
  };
  return (
    <tr
      classList={{ lit: lit(), self: props.seat.self }}
      data-testid="member-row"
      data-node-id={props.seat.id}
      data-status={props.seat.status}
      data-self={props.seat.self}
      data-linked={props.seat.linked}
      onPointerEnter={() => props.desk.setLit(props.seat.id)}
      onPointerLeave={() => props.desk.setLit(undefined)}
    >
      <th scope="row">
        <button
          type="button"
          class="row-button"
          aria-label={`Show ${props.seat.name} on the ring`}
          onFocus={() => props.desk.setLit(props.seat.id)}
          onBlur={() => props.desk.setLit(undefined)}
          onClick={() => props.desk.setLit(props.seat.id)}
        >
          {props.seat.name}
        </button>
        <Show when={props.seat.self}>
          <span class="tag">this tab</span>
        </Show>
      </th>
      <td>
        <span class={`status is-${props.seat.status}`}>
          <span class="status-mark" aria-hidden="true" />
          {props.seat.status}
        </span>
        <Show when={props.seat.status !== "up"}>
          <span class="quiet status-says">{statusWords[props.seat.status]}</span>
        </Show>
      </td>
      <td class="number">
        <Share value={props.seat.share} />
      </td>
      <td>{props.seat.device}</td>
      <td>{link()}</td>
      <td>
        <Show when={role()} fallback={<span class="quiet">–</span>}>
          {(r) => (
            <span class={`role ${r().kind}`}>
              <span class={`badge-dot ${r().kind}`} aria-hidden="true">
                {r().kind === "owner" ? r().rank : `f${r().rank}`}
              </span>
              {r().kind} {r().rank}
            </span>
          )}
        </Show>
      </td>
    </tr>
  );
}

function Share(props: { readonly value: number }) {
  return (
    <span class="share-cell">
      <span class="share-number">{(props.value * 100).toFixed(1)}%</span>
      <svg class="share-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="share-track" width="100" height="6" />
        <rect class="share-fill" width={Math.max(0, Math.min(100, props.value * 100))} height="6" />
      </svg>
    </span>
  );
}
