// The table itself: two canvases for what is many, an overlay for what is looked at, read and focused.
//
// The still layer is drawn when somebody comes, goes or is looked at; the moving layer while time runs. Seats are
// buttons, so that the ring can be walked with a keyboard and read aloud; nothing is drawn while the page is hidden.
import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show } from "solid-js";
import { paintBands } from "../ring/bands";
import { type Flight, flightNear, isFlightKind, paintArrows, paintFlights, type Spot } from "../ring/flights";
import { layoutFor, type Point, seatPoint } from "../ring/geometry";
import { cleanPen, type Ink, inkOf, watchInk } from "../ring/ink";
import { roleOf } from "../ring/model";
import { RoleMark } from "../ring/seat";
import { Way } from "../ring/way";
import type { Desk } from "./desk";
import { SeatButton } from "./seat";

const sizeMin = 260;
const sizeMax = 1000;
const reachPx = 16; // how near the pointer must be to a message

export function Stage(props: { readonly desk: Desk }) {
  const { desk } = props;
  let frame!: HTMLDivElement;
  let still!: HTMLCanvasElement;
  let moving!: HTMLCanvasElement;
  const [size, setSize] = createSignal(520);
  const [ink, setInk] = createSignal<Ink>();
  let spots: readonly Spot[] = [];

  onMount(() => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry === undefined) return;
      const { width, height } = entry.contentRect;
      setSize(Math.round(Math.max(sizeMin, Math.min(width, height || width, sizeMax))));
    });
    observer.observe(frame);
    const read = () => setInk(inkOf(frame));
    read();
    onCleanup(watchInk(read));
    onCleanup(() => observer.disconnect());
  });

  const ids = createMemo(() => desk.seats().map((seat) => seat.id), undefined, { equals: sameList });
  const layout = createMemo(() => layoutFor(size(), ids().length));
  const points = createMemo(
    () => new Map<string, Point>(ids().map((id, i) => [id, seatPoint(i, ids().length, layout())])),
  );
  const at = (id: string): Point => points().get(id) ?? { x: 0, y: 0 };
  const pairs = (list: readonly (readonly [string, string])[]) =>
    list.map(([from, to]) => [desk.idOf(from), desk.idOf(to)] as const);

  const links = createMemo(() => pairs(desk.told().links), undefined, { equals: samePairs });
  const cuts = createMemo(() => pairs(desk.told().cuts), undefined, { equals: samePairs });

  createEffect(() => {
    const colours = ink();
    if (colours === undefined) return;
    const bands = {
      ids: ids(),
      arcs: desk.arcs(),
      lit: desk.lit(),
      links: links(),
      cuts: cuts(),
    };
    const pen = cleanPen(still, size());
    if (pen !== undefined) paintBands(pen, layout(), bands, (id) => points().get(id), colours);
  });

  const flights = createMemo<readonly Flight[]>(() =>
    desk.messages().flatMap((message) => {
      const { id, kind, left, arrives } = message;
      if (!isFlightKind(kind)) return [];
      return [{ id, kind, left, arrives, from: desk.idOf(message.from), to: desk.idOf(message.to) }];
    }),
  );
  const stillness = matchMedia("(prefers-reduced-motion: reduce)");
  const [calm, setCalm] = createSignal(stillness.matches);
  const onCalm = () => setCalm(stillness.matches);
  stillness.addEventListener("change", onCalm);
  onCleanup(() => stillness.removeEventListener("change", onCalm));

  createEffect(() => {
    const colours = ink();
    if (colours === undefined) return;
    const find = (id: string) => points().get(id);
    const list = flights();
    const chosen = desk.message();
    if (calm()) {
      desk.version(); // with words, not with frames
      const pen = cleanPen(moving, size());
      if (pen !== undefined) spots = paintArrows(pen, layout(), list, find, colours, chosen);
      return;
    }
    const now = desk.now() + desk.clock.fraction();
    const pen = cleanPen(moving, size());
    if (pen !== undefined) spots = paintFlights(pen, layout(), list, find, now, colours, chosen);
  });

  const pick = (event: PointerEvent) => {
    if (event.target instanceof Element && event.target.closest("button") !== null) return;
    const box = moving.getBoundingClientRect();
    const point = { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
    desk.setMessage(flightNear(spots, point, reachPx)?.id);
  };

  return (
    <div class="stage-frame" ref={frame} data-testid="stage" onPointerDown={pick}>
      <div class="stage" ref={(element) => createEffect(() => element.style.setProperty("--size", `${size()}px`))}>
        <canvas class="layer" ref={still} />
        <svg
          class="layer overlay"
          width={size()}
          height={size()}
          viewBox={`${-size() / 2} ${-size() / 2} ${size()} ${size()}`}
          aria-hidden="true"
        >
          <Show when={desk.way()}>
            {(way) => <Way way={way()} ids={ids()} at={at} layout={layout()} confirmed={confirmed(desk)} />}
          </Show>
        </svg>
        <canvas class="layer" ref={moving} data-testid="flights" />
        <div class="layer seats" role="group" aria-label={summary(desk)}>
          <For each={ids()}>
            {(id) => <SeatButton id={id} desk={desk} point={at(id)} layout={layout()} count={ids().length} />}
          </For>
        </div>
        <svg
          class="layer overlay"
          width={size()}
          height={size()}
          viewBox={`${-size() / 2} ${-size() / 2} ${size()} ${size()}`}
          aria-hidden="true"
        >
          <For each={ids()}>
            {(id) => (
              <Show when={roleOf(desk.way(), id)}>
                {(role) => (
                  <RoleMark point={at(id)} layout={layout()} role={role()} confirmed={confirmed(desk).includes(id)} />
                )}
              </Show>
            )}
          </For>
        </svg>
      </div>
    </div>
  );
}

/** Who really holds the key that is looked at: the lab knows. */
function confirmed(desk: Desk): readonly string[] {
  return (desk.told().key?.replicas ?? []).filter((replica) => replica.found).map((replica) => desk.idOf(replica.name));
}

function summary(desk: Desk): string {
  const { nodes } = desk.told();
  const open = nodes.filter((node) => node.open).length;
  const from = desk.seenFrom();
  const whose = from === undefined ? "" : `, as seen from ${from}`;
  return `The ring with ${open} open nodes${whose}. The table "Nodes" says the same.`;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

type Pairs = readonly (readonly [string, string])[];

function samePairs(a: Pairs, b: Pairs): boolean {
  return a.length === b.length && a.every(([from, to], i) => from === b[i]?.[0] && to === b[i]?.[1]);
}
