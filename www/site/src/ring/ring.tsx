// The ring as a picture: bands of arcs, seats around the table, this tab's links, and the way of one key.
//
// SVG, because up to 64 nodes are few shapes and each can be styled, labelled and printed. What it shows is told
// again by the members table and by the walk beside it, which is where keyboard and screen readers go; here the
// pointer may explore. Colour says role or status and is always doubled by a number, a dash or a word; bands tell
// owners apart by radius.
import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show } from "solid-js";
import { band, bandPaths, deepBand, type Layout, layoutFor, type Point, seatPoint } from "./geometry";
import { type Arc, arcsOf, type KeyWay, roleOf, type Seat, type Token } from "./model";
import { RoleMark, SeatMark } from "./seat";
import { showTrip, type Trips } from "./trips";
import { Links, Way } from "./way";

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
  const points = createMemo(
    () => new Map<string, Point>(ids().map((id, i) => [id, seatPoint(i, ids().length, layout())])),
  );
  const self = createMemo(() => props.seats.find((seat) => seat.self)?.id);
  const at = (id: string | undefined): Point => (id === undefined ? undefined : points().get(id)) ?? { x: 0, y: 0 };

  createEffect(() => {
    const stop = props.trips.watch((trip) => showTrip(trip, sky, at(self()), at(trip.to), layout()));
    onCleanup(stop);
  });

  return (
    <div class="ring-frame" ref={frame} data-testid="ring">
      <svg
        class="ring"
        classList={{ "has-lit": props.lit !== undefined }}
        width={size()}
        height={size()}
        role="img"
        viewBox={`${-size() / 2} ${-size() / 2} ${size()} ${size()}`}
        aria-label={summary(props)}
      >
        <circle class="table" r={layout().inner - 4} />
        <g class="guides">
          <Show
            when={ids().length > 0 && !layout().crowd}
            fallback={
              <circle
                r={(layout().outer + layout().inner) / 2}
                stroke-width={layout().outer - layout().inner}
                class="guide broad"
              />
            }
          >
            <For each={ids()}>
              {(_, i) => (
                <circle
                  class="guide"
                  r={band(i(), ids().length, layout()).radius}
                  stroke-width={band(i(), ids().length, layout()).width}
                />
              )}
            </For>
          </Show>
        </g>
        <g class="bands" onPointerLeave={() => props.onLit(undefined)}>
          <For each={ids()}>
            {(id, i) => (
              <path
                class="band"
                classList={{ self: id === self(), lit: id === props.lit }}
                d={paths().get(id) ?? ""}
                stroke-width={band(i(), ids().length, layout()).width}
                onPointerEnter={() => props.onLit(id)}
              />
            )}
          </For>
          <Show when={layout().crowd && self()}>
            {(id) => <DeepBand arcs={arcs()} id={props.lit ?? id()} layout={layout()} />}
          </Show>
        </g>
        <Links seats={props.seats} from={at(self())} at={at} layout={layout()} />
        <Show when={props.way}>
          {(way) => <Way way={way()} ids={ids()} at={at} layout={layout()} confirmed={props.confirmed} />}
        </Show>
        <For each={props.seats}>
          {(seat) => (
            <SeatMark
              seat={seat}
              point={at(seat.id)}
              layout={layout()}
              lit={props.lit === seat.id}
              onLit={props.onLit}
            />
          )}
        </For>
        <For each={props.seats}>
          {(seat) => (
            <Show when={roleOf(props.way, seat.id)}>
              {(role) => (
                <RoleMark
                  point={at(seat.id)}
                  layout={layout()}
                  role={role()}
                  confirmed={props.confirmed.includes(seat.id)}
                />
              )}
            </Show>
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

function summary(props: RingProps): string {
  const here = props.seats.length;
  if (here === 0) return "The ring, still empty.";
  const shares = props.seats
    .slice(0, 8)
    .map((seat) => `${seat.name}${seat.self ? " (this tab)" : ""} ${Math.round(seat.share * 100)}%`);
  const more = here > shares.length ? ` and ${here - shares.length} more` : "";
  const owners = props.way?.owners
    .map((id) => props.seats.find((seat) => seat.id === id)?.name ?? id.slice(0, 4))
    .join(", ");
  const key =
    props.way === undefined
      ? ""
      : ` The key ${props.way.bucket} / ${props.way.key} is owned by ${owners || "nobody yet"}.`;
  const nodes = `${here} ${here === 1 ? "node" : "nodes"}`;
  return `The ring with ${nodes}: ${shares.join(", ")}${more}.${key} The table "Who is here" says the same.`;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
