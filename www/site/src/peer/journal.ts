// What happened, as this tab saw it: a bounded log in plain sentences, and figures sampled once a second.
//
// The log keeps the newest entries only. Sampling stops while the tab is hidden; the rates then start afresh, because
// a throttled second is not a second.
import { createSignal, onCleanup } from "solid-js";
import type { Mesh, Metrics } from "./package";

export type EntryKind = "member" | "link" | "protocol" | "rendezvous" | "storage";
export const entryKinds: readonly EntryKind[] = ["member", "link", "protocol", "rendezvous", "storage"];

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

/** Bytes a second sent, by kind; one per sample. */
export type Rates = Readonly<Record<TrafficKind, number>>;
export interface Figures {
  readonly now: Metrics | undefined;
  readonly rates: readonly Rates[];
}

export function createJournal() {
  const [entries, setEntries] = createSignal<readonly Entry[]>([]);
  const [figures, setFigures] = createSignal<Figures>({ now: undefined, rates: [] });
  let next = 0;
  let sampledAt = 0;
  let timer: number | undefined;

  function note(kind: EntryKind, say: Saying) {
    setEntries((before) => [{ id: next++, at: new Date(), kind, say }, ...before].slice(0, entriesMax));
  }

  function sample(mesh: Mesh) {
    const at = performance.now();
    const now = mesh.metrics();
    setFigures((before) => {
      const elapsedSeconds = (at - sampledAt) / 1000;
      const earlier = before.now;
      if (earlier === undefined || elapsedSeconds > 2.5 || elapsedSeconds <= 0) return { now, rates: before.rates };
      const rate = (kind: TrafficKind) => Math.max(0, now.sentBytes[kind] - earlier.sentBytes[kind]) / elapsedSeconds;
      const rates: Rates = {
        gossip: rate("gossip"),
        repair: rate("repair"),
        transfer: rate("transfer"),
        request: rate("request"),
        signal: rate("signal"),
      };
      return { now, rates: [...before.rates, rates].slice(-samplesMax) };
    });
    sampledAt = at;
  }

  /** Sample this mesh until told otherwise; `failed` hears what a sample threw, and sampling ends. */
  function follow(mesh: Mesh | undefined, failed: (error: unknown) => void) {
    window.clearInterval(timer);
    setFigures({ now: undefined, rates: [] });
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
