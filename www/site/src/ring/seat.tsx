// One node at the table: its share, its name, its status, and its part for the key that is looked at.
//
// Status is told by the rim's dashes and by a word, never by colour alone; "this tab" is filled and says so.
import { createEffect, Show } from "solid-js";
import { type Layout, type Point, towards } from "./geometry";
import type { Role, Seat } from "./model";

const fallbacksBadgedMax = 2;

export function SeatMark(props: {
  seat: Seat;
  point: Point;
  layout: Layout;
  lit: boolean;
  onLit: (id: string | undefined) => void;
}) {
  let group!: SVGGElement;
  createEffect(() => moveTo(group, props.point));
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
    </g>
  );
}

/** Which part a node has for the key: a number for an owner, f and a number for a fallback. Drawn above all seats. */
export function RoleMark(props: { point: Point; layout: Layout; role: Role; confirmed: boolean }) {
  let group!: SVGGElement;
  const radius = () => Math.max(7, props.layout.text * 0.62);
  const place = (): Point => {
    const { point, layout } = props;
    if (layout.crowd) return towards(point, { x: point.x * 2, y: point.y * 2 }, layout.seat + radius() * 0.7);
    const off = layout.seat * 0.74;
    return { x: point.x + off, y: point.y + (point.y > layout.seat ? off : -off) };
  };
  createEffect(() => moveTo(group, place()));
  const text = () => (props.role.kind === "owner" ? String(props.role.rank) : `f${props.role.rank}`);
  return (
    <Show when={props.role.kind === "owner" || props.role.rank <= fallbacksBadgedMax}>
      <g
        ref={group}
        class="badge"
        classList={{
          owner: props.role.kind === "owner",
          fallback: props.role.kind === "fallback",
          confirmed: props.confirmed,
        }}
      >
        <circle r={radius()} />
        <text font-size={String(radius() * 1.25)} dy="0.36em">
          {text()}
        </text>
      </g>
    </Show>
  );
}

/** Through the style, so that it may glide; a policy without inline styles allows this and no style attribute. */
function moveTo(group: SVGGElement | undefined, point: Point) {
  group?.style.setProperty("transform", `translate(${point.x.toFixed(1)}px, ${point.y.toFixed(1)}px)`);
}
