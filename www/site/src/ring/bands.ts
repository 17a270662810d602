// The ring's still layer: bands of arcs, links and cuts. Drawn once and kept until something about it changes.
//
// With 64 nodes of 256 tokens these are 16,384 arcs, which no frame has the time for; as one path per node on a canvas
// of their own they are drawn when somebody comes or goes. Whose arc it is can be read from the radius, not from a
// colour: that of the owners is for the way of the key that is looked at.
import { band, type Layout, type Point, towards } from "./geometry";
import type { Ink } from "./ink";
import type { Arc } from "./model";

export interface Bands {
  readonly ids: readonly string[]; // outermost band first
  readonly arcs: readonly Arc[];
  readonly lit: string | undefined;
  readonly links: readonly (readonly [string, string])[];
  readonly cuts: readonly (readonly [string, string])[];
}

const quarter = Math.PI / 2;
const full = 2 * Math.PI;
const linksToldApartMax = 24;

export function paintBands(
  pen: CanvasRenderingContext2D,
  layout: Layout,
  bands: Bands,
  at: (id: string) => Point | undefined,
  ink: Ink,
) {
  paintTable(pen, layout, bands.ids.length, ink);
  const arcs = new Map<string, Arc[]>(bands.ids.map((id) => [id, []]));
  for (const arc of bands.arcs) arcs.get(arc.id)?.push(arc);
  pen.lineCap = "butt";
  for (const [index, id] of bands.ids.entries()) {
    const { radius, width } = band(index, bands.ids.length, layout);
    pen.strokeStyle = ink.ink;
    pen.globalAlpha = bands.lit === id ? 1 : bands.lit !== undefined ? 0.18 : 0.42;
    pen.lineWidth = Math.max(width, 0.8);
    strokeArcs(pen, arcs.get(id) ?? [], radius);
  }
  // Single bands of a crowd are hairs: the one looked at takes the whole depth.
  if (layout.crowd && bands.lit !== undefined) {
    pen.globalAlpha = 0.85;
    pen.strokeStyle = ink.ink;
    pen.lineWidth = layout.outer - layout.inner;
    strokeArcs(pen, arcs.get(bands.lit) ?? [], (layout.outer + layout.inner) / 2);
  }
  pen.globalAlpha = 1;
  paintLinks(pen, layout, bands, at, ink);
}

function paintTable(pen: CanvasRenderingContext2D, layout: Layout, count: number, ink: Ink) {
  pen.fillStyle = ink.card;
  pen.strokeStyle = ink.line;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.arc(0, 0, layout.inner - 4, 0, full);
  pen.fill();
  pen.stroke();
  pen.strokeStyle = ink.ink;
  pen.globalAlpha = 0.06;
  const guides = layout.crowd || count === 0 ? 1 : count;
  for (let index = 0; index < guides; index++) {
    const { radius, width } = band(index, guides, layout);
    pen.lineWidth = width;
    pen.beginPath();
    pen.arc(0, 0, radius, 0, full);
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

function strokeArcs(pen: CanvasRenderingContext2D, arcs: readonly Arc[], radius: number) {
  const circle = full * radius;
  pen.beginPath();
  for (const arc of arcs) {
    const length = arc.to > arc.from ? arc.to - arc.from : 1 - arc.from + arc.to;
    // Begun a pixel late where there is room, so that neighbouring tokens of one node can be counted.
    const gap = length * circle > 4 ? 1 / circle : 0;
    const begin = (arc.from + gap) * full - quarter;
    const end = (arc.from + length) * full - quarter;
    pen.moveTo(Math.cos(begin) * radius, Math.sin(begin) * radius);
    pen.arc(0, 0, radius, begin, end);
  }
  pen.stroke();
}

function paintLinks(
  pen: CanvasRenderingContext2D,
  layout: Layout,
  bands: Bands,
  at: (id: string) => Point | undefined,
  ink: Ink,
) {
  pen.lineWidth = 1.25;
  pen.strokeStyle = ink["line-strong"];
  pen.globalAlpha = 0.5;
  pen.beginPath();
  for (const [from, to] of bands.links) {
    if (bands.ids.length > linksToldApartMax && bands.lit !== from && bands.lit !== to) continue;
    const ends = endsOf(at(from), at(to), layout.seat + 4);
    if (ends === undefined) continue;
    pen.moveTo(ends[0].x, ends[0].y);
    pen.lineTo(ends[1].x, ends[1].y);
  }
  pen.stroke();
  pen.globalAlpha = 1;
  pen.strokeStyle = ink.suspect;
  pen.lineWidth = 2;
  for (const [from, to] of bands.cuts) {
    const ends = endsOf(at(from), at(to), layout.seat + 4);
    if (ends !== undefined) paintCut(pen, ends);
  }
}

/** A cut link is dashed and has a cross in its middle, so that it does not hang on its colour. */
function paintCut(pen: CanvasRenderingContext2D, [from, to]: readonly [Point, Point]) {
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const arm = 5;
  pen.setLineDash([3, 6]);
  pen.globalAlpha = 0.7;
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(to.x, to.y);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
  pen.beginPath();
  pen.moveTo(middle.x - arm, middle.y - arm);
  pen.lineTo(middle.x + arm, middle.y + arm);
  pen.moveTo(middle.x + arm, middle.y - arm);
  pen.lineTo(middle.x - arm, middle.y + arm);
  pen.stroke();
}

function endsOf(from: Point | undefined, to: Point | undefined, off: number): [Point, Point] | undefined {
  if (from === undefined || to === undefined) return undefined;
  return [towards(from, to, off), towards(to, from, off)];
}
