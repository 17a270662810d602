// Space-time: one line per node, time to the right, a slanted line for each message. Lamport's picture, of real clocks.
//
// A canvas, because a second of a busy room is thousands of lines; its equal for keyboard and screen reader is the log.
// Hovering a line lights its node on the ring, and a node lit on the ring is lit here.
import { createEffect, createMemo, createSignal, For, onCleanup, onMount } from "solid-js";
import { isFlightKind } from "../ring/flights";
import { type Ink, inkOf, watchInk } from "../ring/ink";
import type { Diagram } from "./contract";
import type { Desk } from "./desk";
import { clockText } from "./goals";

const spans: readonly number[] = [100, 250, 500, 1000, 2500, 5000, 20_000, 60_000];
const rowMin = 22;
const rowMax = 46;
const left = 78; // for names
const bottom = 26; // for the scale

export function SpaceTime(props: { readonly desk: Desk }) {
  const { desk } = props;
  let frame!: HTMLDivElement;
  let canvas!: HTMLCanvasElement;
  const [width, setWidth] = createSignal(600);
  const [span, setSpan] = createSignal(500);
  const [ink, setInk] = createSignal<Ink>();
  onMount(() => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(280, Math.round(entry.contentRect.width)));
    });
    observer.observe(frame);
    const read = () => setInk(inkOf(frame));
    read();
    onCleanup(watchInk(read));
    onCleanup(() => observer.disconnect());
  });
  const diagram = createMemo<Diagram>(() => {
    desk.version();
    const lab = desk.histories.lab();
    const none = { nodes: [], events: [], messages: [] };
    if (lab === undefined) return none;
    try {
      return JSON.parse(lab.diagram(Math.max(0, Math.floor(lab.now() - span())), lab.now()));
    } catch (error) {
      desk.troubles.report("Drawing the space-time diagram", error);
      return none;
    }
  });
  const row = () => Math.max(rowMin, Math.min(rowMax, 420 / Math.max(1, diagram().nodes.length)));
  const height = () => Math.max(1, diagram().nodes.length) * row() + bottom + 12;

  createEffect(() => {
    const colours = ink();
    if (colours === undefined) return;
    desk.version();
    const to = Math.max(span(), desk.now());
    const scene = { width: width(), height: height(), row: row(), from: to - span(), to };
    paint(canvas, scene, diagram(), colours, litName(desk));
  });

  const words = () => {
    const { nodes, messages } = diagram();
    const scope = `${nodes.length} nodes and ${messages.length} messages up to ${clockText(desk.now())}`;
    return `Space-time diagram of ${scope}; the log tells the same.`;
  };
  const onMove = (event: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    const name = diagram().nodes[Math.floor((event.clientY - box.top - 6) / row())];
    desk.setLit(name === undefined ? undefined : desk.idOf(name));
  };
  return (
    <div class="time-panel">
      <div class="row">
        <div class="field">
          <label for="span">The last</label>
          <select id="span" data-testid="span" onChange={(event) => setSpan(Number(event.currentTarget.value))}>
            <For each={spans}>
              {(ms) => (
                <option value={ms} selected={ms === span()}>
                  {ms < 1000 ? `${ms} ms` : `${ms / 1000} s`}
                </option>
              )}
            </For>
          </select>
        </div>
      </div>
      <p class="quiet">
        Each line is a node, each slant a message. What can be reached along lines to the right{" "}
        <dfn>happened after</dfn>; two writes with no way between them are concurrent, whatever their times (Dynamo
        §4.4). A cross is a message that was lost.
      </p>
      <div class="space-time" ref={frame}>
        <canvas
          ref={canvas}
          role="img"
          data-testid="space-time"
          aria-label={words()}
          onPointerMove={onMove}
          onPointerLeave={() => desk.setLit(undefined)}
        />
      </div>
    </div>
  );
}

function litName(desk: Desk): string | undefined {
  const lit = desk.lit();
  return lit === undefined ? undefined : desk.nameOf(lit);
}

interface Scene {
  readonly width: number;
  readonly height: number;
  readonly row: number;
  readonly from: number;
  readonly to: number;
}

function paint(canvas: HTMLCanvasElement, scene: Scene, diagram: Diagram, ink: Ink, lit: string | undefined) {
  const density = Math.min(window.devicePixelRatio || 1, 2);
  canvas.width = Math.round(scene.width * density);
  canvas.height = Math.round(scene.height * density);
  canvas.style.setProperty("width", `${scene.width}px`);
  canvas.style.setProperty("height", `${scene.height}px`);
  const pen = canvas.getContext("2d");
  if (pen === null) return;
  pen.setTransform(density, 0, 0, density, 0, 0);
  const x = (at: number) => left + ((at - scene.from) / Math.max(1, scene.to - scene.from)) * (scene.width - left - 10);
  const rows = new Map(diagram.nodes.map((name, i) => [name, 6 + (i + 0.5) * scene.row]));
  pen.font = `600 ${scene.row < 26 ? 13 : 15}px ui-sans-serif, system-ui, sans-serif`;
  pen.textBaseline = "middle";
  for (const [name, y] of rows) {
    pen.globalAlpha = lit === undefined || lit === name ? 1 : 0.45;
    pen.fillStyle = ink.ink;
    pen.fillText(shortened(name), 0, y);
    pen.strokeStyle = ink["line-strong"];
    pen.lineWidth = lit === name ? 3 : 1;
    pen.beginPath();
    pen.moveTo(left, y);
    pen.lineTo(scene.width - 10, y);
    pen.stroke();
  }
  paintMessages(pen, scene, diagram, ink, lit, x, rows);
  pen.globalAlpha = 1;
  pen.fillStyle = ink.ink;
  for (const event of diagram.events) {
    const y = rows.get(event.node);
    if (y === undefined) continue;
    pen.beginPath();
    pen.arc(x(event.at), y, lit === event.node ? 4 : 2.75, 0, 2 * Math.PI);
    pen.fill();
  }
  paintScale(pen, scene, ink, x);
}

function paintMessages(
  pen: CanvasRenderingContext2D,
  scene: Scene,
  diagram: Diagram,
  ink: Ink,
  lit: string | undefined,
  x: (at: number) => number,
  rows: ReadonlyMap<string, number>,
) {
  pen.save();
  pen.beginPath();
  pen.rect(left, 0, scene.width - left, scene.height);
  pen.clip();
  for (const message of diagram.messages) {
    const [y, to] = [rows.get(message.from), rows.get(message.to)];
    if (y === undefined || to === undefined) continue;
    const arrived = message.arrived ?? undefined;
    const part = arrived === undefined ? 0.5 : 1;
    const end = x(arrived ?? Math.min(scene.to, message.left + 40));
    const mine = lit === undefined || lit === message.from || lit === message.to;
    pen.globalAlpha = mine ? 0.9 : 0.15;
    pen.strokeStyle = isFlightKind(message.kind) ? ink[message.kind] : ink["ink-2"];
    pen.lineWidth = message.kind === "gossip" ? 1 : 1.75;
    pen.setLineDash(arrived === undefined ? [3, 3] : []);
    const endY = y + (to - y) * part;
    pen.beginPath();
    pen.moveTo(x(message.left), y);
    pen.lineTo(end, endY);
    pen.stroke();
    if (message.lost !== undefined && message.lost !== null && message.lost !== false) cross(pen, end, endY);
  }
  pen.restore();
  pen.setLineDash([]);
}

function cross(pen: CanvasRenderingContext2D, x: number, y: number) {
  pen.setLineDash([]);
  pen.beginPath();
  pen.moveTo(x - 4, y - 4);
  pen.lineTo(x + 4, y + 4);
  pen.moveTo(x + 4, y - 4);
  pen.lineTo(x - 4, y + 4);
  pen.stroke();
}

function paintScale(pen: CanvasRenderingContext2D, scene: Scene, ink: Ink, x: (at: number) => number) {
  const y = scene.height - bottom + 10;
  pen.fillStyle = ink["ink-2"];
  pen.font = "500 13px ui-sans-serif, system-ui, sans-serif";
  for (let i = 0; i <= 4; i++) {
    const at = scene.from + ((scene.to - scene.from) * i) / 4;
    pen.textAlign = i === 0 ? "left" : i === 4 ? "right" : "center";
    if (at >= 0) pen.fillText(clockText(at), x(at), y);
  }
  pen.textAlign = "left";
}

function shortened(name: string): string {
  return name.length > 9 ? `${name.slice(0, 8)}…` : name;
}
