// `/lab/?bench`: what a frame costs, drawn by the very functions of the ring, without a simulator.
//
// 64 nodes of 256 tokens and 500 messages on their way, 1000 pixels square. After each frame one pixel is read back:
// a canvas may put off its work, and without this the figure would be that of writing down what is to be drawn.
import { paintBands } from "../ring/bands";
import { type Flight, paintFlights } from "../ring/flights";
import { layoutFor, type Point, seatPoint } from "../ring/geometry";
import { cleanPen, flightKinds, inkOf } from "../ring/ink";
import { arcsOf, type Token } from "../ring/model";

const size = 1000;
const nodes = 64;
const tokensEach = 256;
const messages = 500;
const frames = 240;

export interface BenchFigures {
  readonly frames: number;
  readonly frameMs: { readonly half: number; readonly of95: number; readonly most: number };
  readonly ringMs: number; // the still layer, once
}

/** Draws for a few seconds, shows the figures, and leaves them in `window.bench` for whoever runs it by command. */
export async function bench(root: HTMLElement): Promise<void> {
  const page = document.createElement("main");
  page.className = "before-script";
  const words = document.createElement("pre");
  words.dataset.testid = "bench";
  words.textContent = "Drawing…";
  const [still, moving] = [document.createElement("canvas"), document.createElement("canvas")];
  page.append(words, still, moving);
  root.replaceChildren(page);
  const figures = await measure(still, moving);
  Object.assign(window, { bench: figures });
  words.textContent = [
    `A frame with ${messages} messages, ${nodes} nodes of ${tokensEach} tokens, ${size} × ${size} pixels:`,
    `half within ${figures.frameMs.half.toFixed(2)} ms, 95 of 100 within ${figures.frameMs.of95.toFixed(2)} ms,`,
    `the longest ${figures.frameMs.most.toFixed(2)} ms, of ${figures.frames} frames.`,
    `The ring's still layer, drawn when it changes: ${figures.ringMs.toFixed(1)} ms.`,
  ].join("\n");
}

async function measure(still: HTMLCanvasElement, moving: HTMLCanvasElement): Promise<BenchFigures> {
  const ink = inkOf(document.body);
  const chance = generator(7);
  const ids = Array.from({ length: nodes }, (_, i) => String(i).padStart(4, "0"));
  const tokens: Token[] = ids.flatMap((id) => Array.from({ length: tokensEach }, () => ({ id, position: chance() })));
  const layout = layoutFor(size, nodes);
  const points = new Map<string, Point>(ids.map((id, i) => [id, seatPoint(i, nodes, layout)]));
  const at = (id: string) => points.get(id);

  const began = performance.now();
  const pen = cleanPen(still, size);
  if (pen === undefined) throw new Error("This browser gives no canvas to draw on.");
  const links = ids.map((id, i) => [id, ids[(i + 7) % nodes] ?? id] as const);
  paintBands(pen, layout, { ids, arcs: arcsOf(tokens), lit: ids[0], links, cuts: [] }, at, ink);
  pen.getImageData(0, 0, 1, 1);
  const ringMs = performance.now() - began;

  const pick = () => ids[Math.floor(chance() * nodes)] ?? "0000";
  const flights: Flight[] = Array.from({ length: messages }, (_, id) => {
    const from = pick();
    const to = pick();
    const left = chance() * 1000;
    const kind = flightKinds[id % flightKinds.length] ?? "gossip";
    return { id, from, to: to === from ? (ids[(id + 1) % nodes] ?? to) : to, kind, left, arrives: left + 4000 };
  });
  const costs: number[] = [];
  for (let frame = 0; frame < frames; frame++) {
    await new Promise(requestAnimationFrame);
    const start = performance.now();
    const fresh = cleanPen(moving, size);
    if (fresh === undefined) continue;
    paintFlights(fresh, layout, flights, at, 1000 + frame * 12, ink, undefined);
    fresh.getImageData(0, 0, 1, 1);
    costs.push(performance.now() - start);
  }
  costs.sort((a, b) => a - b);
  const of = (part: number) => costs[Math.min(costs.length - 1, Math.floor(costs.length * part))] ?? Number.NaN;
  return { frames: costs.length, frameMs: { half: of(0.5), of95: of(0.95), most: of(1) }, ringMs };
}

/** The same picture each time: a small linear congruence, 0–1. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}
