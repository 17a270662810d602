// The ring as a picture: bands of arcs, seats around the table, this tab's links, and the way of one key.
//
// SVG, because up to 64 nodes are few shapes and each can be styled, labelled and printed. What it shows is told again by the
// members table and by the walk beside it, which is where keyboard and screen readers go; here the pointer may explore.
// Colour says role or status and is always doubled by a number, a dash or a word; bands tell owners apart by radius.
import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show } from "solid-js";
import { arcPath, arrowPath, band, bandPaths, captionPath, deepBand, type Layout, layoutFor, leaderPath, type Point, pointAt, rimOffset, seatPoint, towards } from "./geometry";
import { type Arc, arcsOf, type KeyWay, roleOf, type Seat, type Token } from "./model";
import { prefersStill, type Trip, type Trips } from "./trips";

export interface RingProps {
  readonly seats: readonly Seat[];
  readonly tokens: readonly Token[];
  readonly way: KeyWay | undefined;
  readonly confirmed: readonly string[]; // nodes known to have the key's last write on disk
  readonly lit: string | undefined; // the node that is looked at
  readonly onLit: (id: string | undefined) => void;
  readonly trips: Trips;
}

const sizeMin = 260;
const sizeMax = 860;
const captionLengthMax = 30;
const fallbacksBadgedMax = 2;

export function Ring(props: RingProps) {
  let frame!: HTMLDivElement;
  let sky!: SVGGElement;
  const [size, setSize] = createSignal(520);
  onMount(() => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry === undefined) return;
      const { width, height } = entry.contentRect;
      setSize(Math.round(Math.max(sizeMin, Math.min(width, height || width, sizeMax))));
    });
    observer.observe(frame);
    onCleanup(() => observer.disconnect());
  });

  const layout = createMemo(() => layoutFor(size(), props.seats.length));
  const ids = createMemo(() => props.seats.map((seat) => seat.id), undefined, { equals: sameList });
  const arcs = createMemo(() => arcsOf(props.tokens));
  const paths = createMemo(() => bandPaths(arcs(), ids(), layout()));
  const points = createMemo(() => new Map<string, Point>(ids().map((id, i) => [id, seatPoint(i, ids().length, layout())])));
  const self = createMemo(() => props.seats.find((seat) => seat.self)?.id);
  const at = (id: string | undefined): Point => (id === undefined ? undefined : points().get(id)) ?? { x: 0, y: 0 };

  createEffect(() => {
    const stop = props.trips.watch((trip) => showTrip(trip, sky, at(self()), at(trip.to), layout()));
    onCleanup(stop);
  });

  return (
    <div class="ring-frame" ref={frame} data-testid="ring">
      <svg
        class="ring" classList={{ "has-lit": props.lit !== undefined }} width={size()} height={size()} role="img"
        viewBox={`${-size() / 2} ${-size() / 2} ${size()} ${size()}`} aria-label={summary(props)}
      >
        <circle class="table" r={layout().inner - 4} />
        <g class="guides">
          <Show when={!layout().crowd} fallback={<circle r={(layout().outer + layout().inner) / 2} stroke-width={layout().outer - layout().inner} class="guide broad" />}>
            <For each={ids()}>{(_, i) => <circle class="guide" r={band(i(), ids().length, layout()).radius} stroke-width={band(i(), ids().length, layout()).width} />}</For>
          </Show>
        </g>
        <g class="bands" onPointerLeave={() => props.onLit(undefined)}>
          <For each={ids()}>
            {(id, i) => (
              <path
                class="band" classList={{ self: id === self(), lit: id === props.lit }} d={paths().get(id) ?? ""}
                stroke-width={band(i(), ids().length, layout()).width} onPointerEnter={() => props.onLit(id)}
              />
            )}
          </For>
          <Show when={layout().crowd && self()}>
            {(id) => <DeepBand arcs={arcs()} id={props.lit ?? id()} layout={layout()} />}
          </Show>
        </g>
        <Links seats={props.seats} from={at(self())} at={at} layout={layout()} />
        <Show when={props.way}>{(way) => <Way way={way()} ids={ids()} at={at} layout={layout()} confirmed={props.confirmed} />}</Show>
        <For each={props.seats}>
          {(seat) => (
            <SeatMark
              seat={seat} point={at(seat.id)} layout={layout()} way={props.way} lit={props.lit === seat.id}
              confirmed={props.confirmed.includes(seat.id)} onLit={props.onLit}
            />
          )}
        </For>
        <g ref={sky} class="sky" />
      </svg>
    </div>
  );
}

function DeepBand(props: { arcs: readonly Arc[]; id: string; layout: Layout }) {
  const deep = createMemo(() => deepBand(props.arcs, props.id, props.layout));
  return <path class="band deep" d={deep().path} stroke-width={deep().width} />;
}

/** Straight lines through the table: the data channels that this tab has open. */
function Links(props: { seats: readonly Seat[]; from: Point; at: (id: string) => Point; layout: Layout }) {
  return (
    <g class="links">
      <For each={props.seats.filter((seat) => seat.linked && !seat.self)}>
        {(seat) => {
          const ends = () => {
            const to = props.at(seat.id);
            return { a: towards(props.from, to, props.layout.seat + 4), b: towards(to, props.from, props.layout.seat + 4) };
          };
          return <line class="link" x1={ends().a.x} y1={ends().a.y} x2={ends().b.x} y2={ends().b.y} />;
        }}
      </For>
    </g>
  );
}

/** A key's pin on the rim, its walk clockwise, and a line to every owner. */
function Way(props: { way: KeyWay; ids: readonly string[]; at: (id: string) => Point; layout: Layout; confirmed: readonly string[] }) {
  const end = () => props.way.steps.at(-1)?.token.position ?? props.way.position;
  const pin = () => pointAt(props.way.position, props.layout.outer + rimOffset);
  const foot = () => pointAt(props.way.position, props.layout.inner - 2);
  const caption = () => {
    const text = `${props.way.bucket} / ${props.way.key}`;
    return text.length > captionLengthMax ? `${text.slice(0, captionLengthMax - 1)}…` : text;
  };
  return (
    <g class="way">
      <path class="walk" d={arcPath(props.way.position, end(), props.layout.outer + rimOffset)} />
      <path class="arrow" d={arrowPath(end(), props.layout)} />
      <line class="drop under" x1={pin().x} y1={pin().y} x2={foot().x} y2={foot().y} />
      <line class="drop" x1={pin().x} y1={pin().y} x2={foot().x} y2={foot().y} />
      <For each={props.way.owners}>
        {(id) => <path class="leader" classList={{ confirmed: props.confirmed.includes(id) }} d={leaderPath(props.way.position, props.at(id), props.layout)} />}
      </For>
      <For each={props.way.steps.filter((step) => step.verdict === "owner")}>
        {(step) => {
          const dot = () => pointAt(step.token.position, band(props.ids.indexOf(step.token.id), props.ids.length, props.layout).radius);
          return <circle class="found" cx={dot().x} cy={dot().y} r="3.5" />;
        }}
      </For>
      <circle class="pin" cx={pin().x} cy={pin().y} r="6.5" />
      <path id="ring-caption" class="caption-path" d={captionPath(props.way.position, props.layout)} />
      <text class="caption" font-size={String(props.layout.text)}>
        <textPath href="#ring-caption" startOffset="50%" text-anchor="middle">{caption()}</textPath>
      </text>
    </g>
  );
}

function SeatMark(props: {
  seat: Seat; point: Point; layout: Layout; way: KeyWay | undefined; lit: boolean; confirmed: boolean; onLit: (id: string | undefined) => void;
}) {
  let group!: SVGGElement;
  createEffect(() => group.style.setProperty("transform", `translate(${props.point.x.toFixed(1)}px, ${props.point.y.toFixed(1)}px)`));
  const role = () => roleOf(props.way, props.seat.id);
  const badge = () => {
    const r = role();
    if (r === undefined || (r.kind === "fallback" && r.rank > fallbacksBadgedMax)) return undefined;
    return r;
  };
  const named = () => props.layout.names || props.seat.self || props.lit;
  const note = () => (props.seat.self ? "this tab" : props.seat.status === "up" ? "" : props.seat.status);
  // Names stand on the side of the table's middle, where there is room: above a seat in the lower half, else below it; in a
  // crowd beside it.
  const label = () => {
    const { seat, text, names } = props.layout;
    const line = text * 1.1;
    if (!names) {
      const inward = towards({ x: 0, y: 0 }, { x: -props.point.x, y: -props.point.y }, seat + 9);
      return { x: inward.x, name: inward.y + text * 0.35, note: inward.y + text * 0.35 + line, anchor: props.point.x > 0 ? "end" : "start" } as const;
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
      ref={group} class={`seat is-${props.seat.status}`} classList={{ self: props.seat.self, lit: props.lit }} data-testid="ring-seat"
      data-node-id={props.seat.id} data-status={props.seat.status}
      onPointerEnter={() => props.onLit(props.seat.id)} onPointerLeave={() => props.onLit(undefined)}
    >
      <Show when={props.seat.self}><circle class="halo" r={props.layout.seat + 5} /></Show>
      <circle class="chair" r={props.layout.seat} />
      <Show when={props.layout.shares}>
        <text class="share" font-size={String(Math.min(props.layout.seat * 0.58, props.layout.text * 1.15))} dy="0.35em">{Math.round(props.seat.share * 100)}%</text>
      </Show>
      <Show when={named()}>
        <text class="name" text-anchor={label().anchor} font-size={String(props.layout.text)} x={label().x} y={label().name}>{props.seat.name}</text>
        <Show when={note()}><text class="note" text-anchor={label().anchor} font-size={String(props.layout.text * 0.86)} x={label().x} y={label().note}>{note()}</text></Show>
      </Show>
      <Show when={badge()}>
        {(r) => (
          <g class={`badge ${r().kind}`} classList={{ confirmed: props.confirmed }} transform={`translate(${b().x} ${b().y})`}>
            <circle r={b().r} />
            <text font-size={String(b().r * 1.25)} dy="0.36em">{r().kind === "owner" ? r().rank : `f${r().rank}`}</text>
          </g>
        )}
      </Show>
    </g>
  );
}

/** A dot that flies from this tab to where a copy has arrived, or a ripple where a change has come in. */
function showTrip(trip: Trip, sky: SVGGElement, from: Point, to: Point, layout: Layout) {
  if (prefersStill() || document.hidden) return;
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  dot.setAttribute("class", trip.arrival ? "ripple" : "flight");
  dot.setAttribute("r", String(trip.arrival ? layout.seat : 5));
  sky.append(dot);
  const place = (point: Point, scale: number) => `translate(${point.x}px, ${point.y}px) scale(${scale})`;
  const animation = trip.arrival
    ? dot.animate([{ transform: place(to, 1), opacity: 0.9 }, { transform: place(to, 2.1), opacity: 0 }], { duration: 900, easing: "ease-out" })
    : dot.animate([{ transform: place(from, 1), opacity: 1 }, { transform: place(to, 1.4), opacity: 1 }], { duration: 480, easing: "ease-in-out" });
  animation.finished.then(() => dot.remove(), () => dot.remove());
}

function summary(props: RingProps): string {
  const here = props.seats.length;
  if (here === 0) return "The ring, still empty.";
  const shares = props.seats.slice(0, 8).map((seat) => `${seat.name}${seat.self ? " (this tab)" : ""} ${Math.round(seat.share * 100)}%`);
  const more = here > shares.length ? ` and ${here - shares.length} more` : "";
  const owners = props.way?.owners.map((id) => props.seats.find((seat) => seat.id === id)?.name ?? id.slice(0, 4)).join(", ");
  const key = props.way === undefined ? "" : ` The key ${props.way.bucket} / ${props.way.key} is owned by ${owners || "nobody yet"}.`;
  return `The ring with ${here} ${here === 1 ? "node" : "nodes"}: ${shares.join(", ")}${more}.${key} The table "Who is here" says the same.`;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
