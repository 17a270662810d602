// Circles in pixels: positions to points, arcs to paths, and how much room there is for what.
//
// The picture is drawn at its true size (one unit is one CSS pixel), so that text stays text at 360 px and on a
// projector. Each node has a band of its own, a thin concentric track in which only its arcs are inked: whose arc it
// is can be read from the radius, without any colour, from two nodes to sixty-four.
import type { Arc } from "./model";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly size: number;
  readonly outer: number; // outer edge of the bands
  readonly inner: number; // inner edge of the bands
  readonly seats: number; // radius on which seats stand
  readonly seat: number; // radius of a seat
  readonly text: number; // font size
  readonly shares: boolean; // is there room for a share inside a seat?
  readonly names: boolean; // is there room for every name?
  readonly crowd: boolean; // too many for bands of their own: the one looked at takes the whole depth
}

const bandsToldApartMax = 16;

export function layoutFor(size: number, count: number): Layout {
  const wide = size >= 460;
  const outer = size / 2 - (wide ? 40 : 30);
  const inner = outer - Math.round(size * (wide ? 0.115 : 0.1));
  const text = wide ? Math.min(17, 11 + size / 150) : 13;
  const crowd = count <= 4 ? 1 : count <= 8 ? 0.86 : count <= 14 ? 0.7 : count <= 28 ? 0.5 : 0.3;
  const roomEach = (Math.PI * inner * 0.86) / Math.max(1, count); // half of what a seat has of the circle they stand on
  const seat = Math.max(3, Math.min(roomEach * 0.8, Math.round(size * 0.056 * crowd) + (wide ? 0 : 3)));
  const names = count <= (wide ? 12 : 4);
  const seats = inner - seat - (wide ? 20 : 14);
  return { size, outer, inner, seats, seat, text, shares: seat >= 19, names, crowd: count > bandsToldApartMax };
}

/** Position 0 is at the top; clockwise. The centre is the origin. */
export function pointAt(position: number, radius: number): Point {
  const angle = position * 2 * Math.PI;
  return { x: Math.sin(angle) * radius, y: -Math.cos(angle) * radius };
}

export function seatPoint(index: number, count: number, layout: Layout): Point {
  return pointAt((index + 0.5) / Math.max(1, count), layout.seats);
}

/** The middle of the n-th of `count` bands, outermost first, and its thickness. */
export function band(index: number, count: number, layout: Layout): { radius: number; width: number } {
  const pitch = (layout.outer - layout.inner) / Math.max(1, count);
  const gap = pitch > 6 ? 1.5 : pitch > 3 ? 0.75 : 0;
  return { radius: layout.outer - pitch * (index + 0.5), width: pitch - gap };
}

/** All arcs of each node as one path on its own band. */
export function bandPaths(arcs: readonly Arc[], ids: readonly string[], layout: Layout): ReadonlyMap<string, string> {
  const radii = new Map(ids.map((id, index) => [id, band(index, ids.length, layout).radius]));
  const parts = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const arc of arcs) {
    const radius = radii.get(arc.id);
    if (radius !== undefined) parts.get(arc.id)?.push(tokenPath(arc, radius));
  }
  return new Map([...parts].map(([id, list]) => [id, list.join("")]));
}

/** The arcs of one node through the whole depth of all bands: for a crowd, whose single bands are hairs. */
export function deepBand(arcs: readonly Arc[], id: string, layout: Layout): { path: string; width: number } {
  const radius = (layout.outer + layout.inner) / 2;
  const path = arcs
    .filter((arc) => arc.id === id)
    .map((arc) => tokenPath(arc, radius))
    .join("");
  return { path, width: layout.outer - layout.inner };
}

const tokenGapPx = 1;
const invisiblePx = 0.05;
const straightPx = 2;

/** One token's arc, begun a pixel late where there is room, so that neighbouring tokens of one node can be counted. */
function tokenPath(arc: Arc, radius: number): string {
  const circle = 2 * Math.PI * radius;
  const length = (arc.to > arc.from ? arc.to - arc.from : 1 - arc.from + arc.to) * circle;
  if (length < invisiblePx) return ""; // its direction would be noise, and a broad stroke would show it
  const from = length > 4 * tokenGapPx ? (arc.from + tokenGapPx / circle) % 1 : arc.from;
  return arcPath(from, arc.to, radius);
}

export function arcPath(from: number, to: number, radius: number): string {
  const length = to > from ? to - from : 1 - from + to;
  if (length > 0.999) {
    // A circle cannot be one arc: its ends would meet and nothing be drawn.
    return `${arcPath(from, (from + 0.5) % 1, radius)}${arcPath((from + 0.5) % 1, from, radius)}`;
  }
  const a = pointAt(from, radius);
  const b = pointAt(to, radius);
  if (length * 2 * Math.PI * radius < straightPx) return `M${xy(a)}L${xy(b)}`;
  const r = radius.toFixed(3);
  return `M${xy(a)}A${r} ${r} 0 ${length > 0.5 ? 1 : 0} 1 ${xy(b)}`;
}

/** A path for words outside the ring, centred on one; turned over in the lower half, so that they are upright. */
export function captionPath(position: number, layout: Layout): string {
  const below = position > 0.25 && position < 0.75;
  const radius = layout.outer + rimOffset * 2 + (below ? layout.text * 0.75 + 3 : 4);
  const spread = 0.22;
  const start = pointAt(position - spread, radius);
  const end = pointAt(position + spread, radius);
  const [a, b, sweep] = below ? [end, start, 0] : [start, end, 1];
  return `M${xy(a)}A${radius} ${radius} 0 0 ${sweep} ${xy(b)}`;
}

/** How far outside the bands the key's dot and its walk are drawn. */
export const rimOffset = 7;

/** The walk's arrow head at a position, pointing clockwise along the rim. */
export function arrowPath(position: number, layout: Layout): string {
  const radius = layout.outer + rimOffset;
  const ahead = 9 / (2 * Math.PI * radius);
  const tip = pointAt(position + ahead, radius);
  const left = pointAt(position, radius + 5.5);
  const right = pointAt(position, radius - 5.5);
  return `M${xy(tip)}L${xy(right)}L${xy(left)}Z`;
}

/** A line from the ring's inner edge at a position to a seat, bent through the table, ending at the seat's rim. */
export function leaderPath(position: number, seat: Point, layout: Layout): string {
  const start = pointAt(position, layout.inner - 2);
  // The further apart, the more it leans towards the middle; a near seat is reached straight.
  const distance = Math.hypot(seat.x - start.x, seat.y - start.y) / layout.inner;
  const lean = 1 - 0.38 * Math.min(1, Math.max(0, (distance - 0.4) / 0.6));
  const bend = { x: (start.x * 0.62 + seat.x * 0.38) * lean, y: (start.y * 0.62 + seat.y * 0.38) * lean };
  const end = towards(seat, bend, layout.seat + 5);
  return `M${xy(start)}Q${xy(bend)} ${xy(end)}`;
}

/** Three digits: the direction of a hair's breadth of arc decides how its broad stroke stands. */
function xy({ x, y }: Point): string {
  return `${x.toFixed(3)} ${y.toFixed(3)}`;
}

/** The point `distance` away from one point in the direction of another. */
export function towards(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  return { x: from.x + ((to.x - from.x) / length) * distance, y: from.y + ((to.y - from.y) / length) * distance };
}
