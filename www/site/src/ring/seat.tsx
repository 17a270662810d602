// One node at the table: its share, its name, its status, and its part for the key that is looked at.
//
// Status is told by the rim's dashes and by a word, never by colour alone; "this tab" is filled and says so.
import { createEffect, Show } from "solid-js";
import { type Layout, type Point, towards } from "./geometry";
import { type KeyWay, roleOf, type Seat } from "./model";

const fallbacksBadgedMax = 2;

export function SeatMark(props: {
  seat: Seat;
  point: Point;
  layout: Layout;
  way: KeyWay | undefined;
  lit: boolean;
  confirmed: boolean;
  onLit: (id: string | undefined) => void;
}) {
  let group!: SVGGElement;
  createEffect(() =>
    group.style.setProperty("transform", `translate(${props.point.x.toFixed(1)}px, ${props.point.y.toFixed(1)}px)`),
  );
  const role = () => roleOf(props.way, props.seat.id);
  const badge = () => {
    const r = role();
    if (r === undefined || (r.kind === "fallback" && r.rank > fallbacksBadgedMax)) return undefined;
    return r;
  };
  const named = () => props.layout.names || props.seat.self || props.lit;
  const note = () => (props.seat.self ? "this tab" : props.seat.status === "up" ? "" : props.seat.status);
  // Names stand on the side of the table's middle, where there is room: above a seat in the lower half, else
  // below it; in a crowd beside it.
  const label = () => {
    const { seat, text, names } = props.layout;
    const line = text * 1.1;
    if (!names) {
      const inward = towards({ x: 0, y: 0 }, { x: -props.point.x, y: -props.point.y }, seat + 9);
      return {
        x: inward.x,
        name: inward.y + text * 0.35,
        note: inward.y + text * 0.35 + line,
        anchor: props.point.x > 0 ? "end" : "start",
      } as const;
    }
    if (props.point.y > seat) {
      const last = -seat - text * 0.62;
      return { x: 0, name: note() ? last - line : last, note: last, anchor: "middle" } as const;
    }
    const first = seat + text * 1.25;
    return { x: 0, name: first, note: first + line, anchor: "middle" } as const;
  };
  const b = () => {
    const off = props.layout.seat * 0.74;
    return { x: off, y: props.point.y > props.layout.seat ? off : -off, r: Math.max(7, props.layout.text * 0.62) };
  };
  return (
    <g
      ref={group}
      class={`seat is-${props.seat.status}`}
      classList={{ self: props.seat.self, lit: props.lit }}
      data-testid="ring-seat"
      data-node-id={props.seat.id}
      data-status={props.seat.status}
      onPointerEnter={() => props.onLit(props.seat.id)}
      onPointerLeave={() => props.onLit(undefined)}
    >
      <Show when={props.seat.self}>
        <circle class="halo" r={props.layout.seat + 5} />
      </Show>
      <circle class="chair" r={props.layout.seat} />
      <Show when={props.layout.shares}>
        <text
          class="share"
          font-size={String(Math.min(props.layout.seat * 0.58, props.layout.text * 1.15))}
          dy="0.35em"
        >
          {Math.round(props.seat.share * 100)}%
        </text>
      </Show>
      <Show when={named()}>
        <text
          class="name"
          text-anchor={label().anchor}
          font-size={String(props.layout.text)}
          x={label().x}
          y={label().name}
        >
          {props.seat.name}
        </text>
        <Show when={note()}>
          <text
            class="note"
            text-anchor={label().anchor}
            font-size={String(props.layout.text * 0.86)}
            x={label().x}
            y={label().note}
          >
            {note()}
          </text>
        </Show>
      </Show>
      <Show when={badge()}>
        {(r) => (
          <g
            class={`badge ${r().kind}`}
            classList={{ confirmed: props.confirmed }}
            transform={`translate(${b().x} ${b().y})`}
          >
            <circle r={b().r} />
            <text font-size={String(b().r * 1.25)} dy="0.36em">
              {r().kind === "owner" ? r().rank : `f${r().rank}`}
            </text>
          </g>
        )}
      </Show>
    </g>
  );
}
