// The ring's moving layer: messages on their way across the table, drawn anew each frame.
//
// The kind of a message is told by shape as well as by colour, and the legend says both. Each mark is a path of its
// own: without a GPU, 500 circles as one path take 2.0 ms and one by one 1.4, their tails 3.3 and 1.7. For readers who
// ask for less motion the same messages are arrows that stand still, with a number where there are several.
import { type Layout, type Point, towards } from "./geometry";
import { type FlightKind, flightKinds, type Ink } from "./ink";

export interface Flight {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly kind: FlightKind;
  readonly left: number;
  readonly arrives: number;
}

/** Where each message is; asked again for the pointer. */
export interface Spot extends Point {
  readonly flight: Flight;
}

const crowdMin = 120; // from here on plainer marks
const tail = 0.1; // of the way

export function isFlightKind(kind: string): kind is FlightKind {
  return flightKinds.some((known) => known === kind);
}

export function paintFlights(
  pen: CanvasRenderingContext2D,
  layout: Layout,
  flights: readonly Flight[],
  at: (id: string) => Point | undefined,
  now: number,
  ink: Ink,
  chosen: number | undefined,
): Spot[] {
  const size = markSize(layout, flights.length);
  const isCrowd = flights.length > crowdMin;
  const spots: Spot[] = [];
  pen.lineCap = isCrowd ? "butt" : "round";
  for (const kind of flightKinds) {
    const first = spots.length;
    pen.strokeStyle = ink[kind];
    pen.globalAlpha = isCrowd ? 0.5 : 0.4;
    pen.lineWidth = isCrowd ? 1.5 : size * 0.8;
    for (const flight of flights) {
      if (flight.kind !== kind) continue;
      const way = wayOf(flight, at, layout);
      if (way === undefined) continue;
      const done = progress(flight, now);
      const here = along(way, done);
      const before = along(way, Math.max(0, done - tail));
      pen.beginPath();
      pen.moveTo(before.x, before.y);
      pen.lineTo(here.x, here.y);
      pen.stroke();
      spots.push({ x: here.x, y: here.y, flight });
    }
    pen.globalAlpha = 1;
    pen.fillStyle = ink[kind];
    pen.strokeStyle = ink.card;
    pen.lineWidth = 1.5;
    for (let i = first; i < spots.length; i++) {
      const spot = spots[i];
      if (spot === undefined) continue;
      pen.beginPath();
      addMark(pen, kind, spot, size);
      if (!isCrowd) pen.stroke();
      pen.fill();
    }
  }
  const picked = spots.find((spot) => spot.flight.id === chosen);
  if (picked !== undefined) ringRound(pen, picked, size * 2.2, ink);
  return spots;
}

/** The same without motion: one arrow for each pair and kind, and how many it stands for. */
export function paintArrows(
  pen: CanvasRenderingContext2D,
  layout: Layout,
  flights: readonly Flight[],
  at: (id: string) => Point | undefined,
  ink: Ink,
  chosen: number | undefined,
): Spot[] {
  const groups = new Map<string, Flight[]>();
  for (const flight of flights) {
    const group = `${flight.kind} ${flight.from} ${flight.to}`;
    const list = groups.get(group);
    if (list === undefined) groups.set(group, [flight]);
    else list.push(flight);
  }
  const spots: Spot[] = [];
  pen.font = `650 ${Math.max(12, layout.text * 0.85)}px ui-sans-serif, system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const group of groups.values()) {
    const [first] = group;
    const way = first === undefined ? undefined : wayOf(first, at, layout);
    if (first === undefined || way === undefined) continue;
    const shift = 0.5 + (flightKinds.indexOf(first.kind) - 2) * 0.07;
    const middle = along(way, shift);
    pen.strokeStyle = ink[first.kind];
    pen.fillStyle = ink[first.kind];
    pen.lineWidth = 1.75;
    pen.beginPath();
    pen.moveTo(way.from.x, way.from.y);
    pen.quadraticCurveTo(way.bend.x, way.bend.y, way.to.x, way.to.y);
    pen.stroke();
    paintHead(pen, along(way, 0.92), way.to);
    const marks = new Path2D();
    addMark(marks, first.kind, middle, group.length > 1 ? 10 : 5);
    pen.lineWidth = 3;
    pen.strokeStyle = ink.card;
    pen.stroke(marks);
    pen.fill(marks);
    if (group.length > 1) {
      pen.fillStyle = ink.card;
      pen.fillText(String(group.length), middle.x, middle.y + 0.5);
    }
    for (const flight of group) spots.push({ ...middle, flight });
    if (group.some((flight) => flight.id === chosen)) ringRound(pen, middle, 14, ink);
  }
  return spots;
}

/** The message nearest to a point, if any is near. */
export function flightNear(spots: readonly Spot[], point: Point, reach: number): Flight | undefined {
  let best: Spot | undefined;
  let least = reach;
  for (const spot of spots) {
    const distance = Math.hypot(spot.x - point.x, spot.y - point.y);
    if (distance <= least) [best, least] = [spot, distance];
  }
  return best?.flight;
}

interface FlightWay {
  readonly from: Point;
  readonly bend: Point;
  readonly to: Point;
}

/** Bent a little to the right of its direction, so that there and back are two ways. */
function wayOf(flight: Flight, at: (id: string) => Point | undefined, layout: Layout): FlightWay | undefined {
  const [start, end] = [at(flight.from), at(flight.to)];
  if (start === undefined || end === undefined) return undefined;
  const from = towards(start, end, layout.seat + 2);
  const to = towards(end, start, layout.seat + 2);
  const bend = {
    x: (from.x + to.x) / 2 - (to.y - from.y) * 0.07,
    y: (from.y + to.y) / 2 + (to.x - from.x) * 0.07,
  };
  return { from, bend, to };
}

function along({ from, bend, to }: FlightWay, t: number): Point {
  const u = 1 - t;
  return {
    x: u * u * from.x + 2 * u * t * bend.x + t * t * to.x,
    y: u * u * from.y + 2 * u * t * bend.y + t * t * to.y,
  };
}

function progress(flight: Flight, now: number): number {
  const whole = flight.arrives - flight.left;
  return whole <= 0 ? 1 : Math.min(1, Math.max(0, (now - flight.left) / whole));
}

function markSize(layout: Layout, count: number): number {
  const roomy = Math.max(4, layout.size / 120);
  return count > 250 ? roomy * 0.6 : count > 80 ? roomy * 0.8 : roomy;
}

function addMark(path: CanvasPath, kind: FlightKind, { x, y }: Point, size: number) {
  if (kind === "repair") {
    path.moveTo(x, y - size * 1.25);
    path.lineTo(x + size * 1.25, y);
    path.lineTo(x, y + size * 1.25);
    path.lineTo(x - size * 1.25, y);
    path.closePath();
  } else if (kind === "transfer") {
    path.rect(x - size, y - size, size * 2, size * 2);
  } else if (kind === "link") {
    path.moveTo(x, y - size * 1.2);
    path.lineTo(x + size * 1.15, y + size * 0.85);
    path.lineTo(x - size * 1.15, y + size * 0.85);
    path.closePath();
  } else {
    const radius = kind === "gossip" ? size * 0.72 : size * 1.1;
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
  }
}

function paintHead(pen: CanvasRenderingContext2D, before: Point, tip: Point) {
  const angle = Math.atan2(tip.y - before.y, tip.x - before.x);
  pen.beginPath();
  pen.moveTo(tip.x, tip.y);
  for (const side of [2.65, -2.65])
    pen.lineTo(tip.x + Math.cos(angle + side) * 10, tip.y + Math.sin(angle + side) * 10);
  pen.closePath();
  pen.fill();
}

function ringRound(pen: CanvasRenderingContext2D, point: Point, radius: number, ink: Ink) {
  pen.strokeStyle = ink.ink;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(point.x, point.y, radius, 0, 2 * Math.PI);
  pen.stroke();
}
