// One node at the table, as a button: its shape says its state, its name and a word say it again.
//
// The ring shows what is believed (by everybody together, or by the node whose eyes are borrowed); a closed or frozen
// node is marked by the lab's own knowledge, which no node has.
import { createEffect, createMemo, Show } from "solid-js";
import type { Layout, Point } from "../ring/geometry";
import type { Desk } from "./desk";

const namedMax = 6; // so many names have room on a phone too

export function SeatButton(props: {
  readonly id: string;
  readonly desk: Desk;
  readonly point: Point;
  readonly layout: Layout;
  readonly count: number;
}) {
  const { desk } = props;
  let button!: HTMLButtonElement;
  const seat = createMemo(() => desk.seats().find((known) => known.id === props.id));
  const name = () => seat()?.name ?? desk.nameOf(props.id);
  const truth = createMemo(() => desk.nodeOf(desk.nameOf(props.id)));
  const status = () => seat()?.status ?? "up";
  const state = createMemo(() => {
    const node = truth();
    if (node === undefined) return status();
    if (!node.open) return "closed";
    if (node.frozen) return "frozen";
    return status();
  });
  const note = () => {
    if (desk.seenFrom() === name()) return "its view";
    if (state() === "closed" && status() !== "up") return `closed · ${status()}`;
    return state() === "up" ? (truth()?.diskFull ? "disk full" : "") : state();
  };
  createEffect(() => {
    button.style.setProperty("--x", `${props.point.x.toFixed(1)}px`);
    button.style.setProperty("--y", `${props.point.y.toFixed(1)}px`);
    button.style.setProperty("--seat", `${props.layout.seat}px`);
  });
  const named = () =>
    props.layout.names || props.count <= namedMax || desk.lit() === props.id || desk.node() === name();
  return (
    <button
      type="button"
      ref={button}
      class="sit"
      classList={{
        chosen: desk.node() === name(),
        viewer: desk.seenFrom() === name(),
        broken: desk.told().violation?.nodes.includes(name()) ?? false,
        low: props.point.y > props.layout.seat,
      }}
      data-testid="seat"
      data-name={name()}
      data-state={state()}
      aria-pressed={desk.node() === name()}
      onPointerEnter={() => desk.setLit(props.id)}
      onPointerLeave={() => desk.setLit(undefined)}
      onFocus={() => desk.setLit(props.id)}
      onBlur={() => desk.setLit(undefined)}
      onClick={() => {
        desk.setNode(desk.node() === name() ? undefined : name());
        desk.setPanel("act");
      }}
    >
      <span class="sit-chair">
        <Show
          when={props.layout.shares && state() !== "closed"}
          fallback={<span aria-hidden="true">{state() === "closed" ? "×" : ""}</span>}
        >
          {Math.round((seat()?.share ?? 0) * 100)}%
        </Show>
      </span>
      <span classList={{ "sit-name": named(), "sr-only": !named() }}>
        {name()}
        <Show when={note()}>
          <span class="sit-note"> {note()}</span>
        </Show>
      </span>
    </button>
  );
}
