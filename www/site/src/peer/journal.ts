// What happened, as this tab saw it: a bounded log in plain sentences, and figures sampled once a second.
//
// The log keeps the newest entries only. Sampling stops while the tab is hidden; the rates then start afresh, because
// a throttled second is not a second.
import { createSignal, onCleanup } from "solid-js";
import type { Mesh, Metrics, Vitals } from "./package";

export type EntryKind = "act" | "member" | "link" | "protocol" | "rendezvous" | "storage";
export const entryKinds: readonly EntryKind[] = ["act", "member", "link", "protocol", "rendezvous", "storage"];

export interface Entry {
  readonly id: number;
  readonly at: Date;
  readonly kind: EntryKind;
  readonly say: Saying;
}

/** An entry's words. Names are asked for when it is read: an event about a stranger often comes before their label. */
export type Saying = (nameOf: (id: string) => string) => string;

const entriesMax = 200;
const sampleMs = 1000;
export const samplesMax = 60;

export type TrafficKind = keyof Metrics["sentBytes"];
export const trafficKinds: readonly TrafficKind[] = ["gossip", "repair", "transfer", "request", "signal"];

/** What is drawn over time, of one node or of the whole room; one per sample. */
export interface Sample {
  readonly lagMs: number;
  readonly hints: number;
  readonly sent: Readonly<Record<TrafficKind, number>>; // bytes a second
  readonly getMs: Percentiles;
  readonly putMs: Percentiles;
}
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}
export interface Figures {
  readonly now: Metrics | undefined;
  readonly own: readonly Sample[];
  readonly room: readonly Sample[];
}
const noFigures: Figures = { now: undefined, own: [], room: [] };

export function createJournal() {
  const [entries, setEntries] = createSignal<readonly Entry[]>([]);
  const [figures, setFigures] = createSignal<Figures>(noFigures);
  let next = 0;
  let sampledAt = 0;
  let timer: number | undefined;

  function note(kind: EntryKind, say: Saying) {
    setEntries((before) => [{ id: next++, at: new Date(), kind, say }, ...before].slice(0, entriesMax));
  }

  function sample(mesh: Mesh) {
    const at = performance.now();
    const now = mesh.metrics();
    const vitals = mesh.vitals();
    setFigures((before) => {
      const elapsedSeconds = (at - sampledAt) / 1000;
      const earlier = before.now;
      if (earlier === undefined || elapsedSeconds > 2.5 || elapsedSeconds <= 0) return { ...before, now };
      const own = ownSample(now, earlier, elapsedSeconds, vitals[0]?.lagMs ?? 0);
      const add = (samples: readonly Sample[], sample: Sample) => [...samples, sample].slice(-samplesMax);
      return { now, own: add(before.own, own), room: add(before.room, roomSample(vitals)) };
    });
    sampledAt = at;
  }

  /** Sample this mesh until told otherwise; `failed` hears what a sample threw, and sampling ends. */
  function follow(mesh: Mesh | undefined, failed: (error: unknown) => void) {
    window.clearInterval(timer);
    setFigures(noFigures);
    if (mesh === undefined) return;
    const tick = () => {
      if (document.hidden) return;
      try {
        sample(mesh);
      } catch (error) {
        window.clearInterval(timer);
        failed(error);
      }
    };
    tick();
    timer = window.setInterval(tick, sampleMs);
  }

  onCleanup(() => window.clearInterval(timer));
  return { entries, note, figures, follow };
}
export type Journal = ReturnType<typeof createJournal>;

function byKind(rate: (kind: TrafficKind) => number): Sample["sent"] {
  return {
    gossip: rate("gossip"),
    repair: rate("repair"),
    transfer: rate("transfer"),
    request: rate("request"),
    signal: rate("signal"),
  };
}

function ownSample(now: Metrics, earlier: Metrics, seconds: number, lagMs: number): Sample {
  const quickness = (kind: "get" | "put"): Percentiles => {
    const found = now.requests.find((request) => request.kind === kind);
    return { p50: found?.p50Ms ?? 0, p99: found?.p99Ms ?? 0 };
  };
  return {
    lagMs,
    hints: now.hints,
    sent: byKind((kind) => Math.max(0, now.sentBytes[kind] - earlier.sentBytes[kind]) / seconds),
    getMs: quickness("get"),
    putMs: quickness("put"),
  };
}

/** The whole room, as its members told it: the worst lag and answer times, the sum of hints and bytes. */
export function roomSample(vitals: readonly Vitals[]): Sample {
  const worst = (of: (one: Vitals) => number) => Math.max(0, ...vitals.map(of));
  const sum = (of: (one: Vitals) => number) => vitals.reduce((total, one) => total + of(one), 0);
  return {
    lagMs: worst((one) => one.lagMs),
    hints: sum((one) => one.hints),
    sent: byKind((kind) => sum((one) => one.sentPerSecond[kind])),
    getMs: { p50: worst((one) => one.gets.p50Ms), p99: worst((one) => one.gets.p99Ms) },
    putMs: { p50: worst((one) => one.puts.p50Ms), p99: worst((one) => one.puts.p99Ms) },
  };
}

/** A typed event of the core as words: `HintDelivered {to, keys}` becomes "Hint delivered: to Otter, keys 3". */
export function sentenceOf(event: Readonly<Record<string, unknown>>, nameOf: (id: string) => string): string {
  const { at: _at, kind, ...details } = event;
  const words = String(kind)
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[_-]+/g, " ")
    .toLowerCase();
  const parts = Object.entries(details)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name} ${wordsOf(value, nameOf)}`);
  const head = words.charAt(0).toUpperCase() + words.slice(1);
  return parts.length === 0 ? head : `${head}: ${parts.join(", ")}`;
}

function wordsOf(value: unknown, nameOf: (id: string) => string): string {
  if (typeof value === "string") return nameOf(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return value.map((part) => wordsOf(part, nameOf)).join(" and ");
  return JSON.stringify(value) ?? "nothing";
}
