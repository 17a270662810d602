// What crate/web exports through wasm-bindgen, as this package uses it: src/api/mod.rs is the other half. The module
// itself, roundtable_web.js, is generated and lies beside the compiled files.
import type { Level, Member, MeshEvents, Metrics, Vitals } from "./types.js";

export interface Failure {
  readonly code: string;
  readonly message: string;
}
export type Callback<T> = (answer: T | undefined, failure: Failure | undefined) => void;
/** Whether it came true; false if the node was closed first. */
export type OnCondition = (holds: boolean) => void;
export type Sink = <E extends keyof MeshEvents>(name: E, detail: MeshEvents[E]) => void;

export interface RawOptions {
  room: string;
  secret: string | Uint8Array | undefined;
  storage: "indexeddb" | "memory";
  capacity: number | undefined;
  n: number;
  r: Level;
  w: Level;
  label: string;
  rendezvous: readonly string[];
  iceServers: readonly unknown[];
}
export interface RawReceipt {
  readonly context: string;
  readonly requested: Level;
  readonly needed: number;
  readonly met: boolean;
  readonly reached: "local" | "one" | "quorum" | "all";
  readonly owners: readonly string[];
  readonly fallbacks: readonly string[];
  readonly devices: number;
  readonly ended: "complete" | "superseded" | undefined;
}
export type BucketType = "siblings" | "lww" | "counter" | "set" | "map";
export type EditKind = "add" | "insert" | "remove" | "set" | "unset";
export interface RawPutOptions extends RawWriteOptions {
  readonly type: "siblings" | "lww";
}
export interface RawWriteOptions {
  readonly ttlMs: number | undefined;
  readonly context: string | undefined;
  readonly level: Level | undefined;
  readonly timeoutMs: number | undefined;
}
/** Siblings are encoded: `decode` makes values of them. */
export interface RawRead {
  readonly met: boolean;
  readonly needed: number;
  readonly answered: readonly string[];
  readonly context: string;
  readonly siblings: readonly Uint8Array[];
  /** Of which types of bucket they are. */
  readonly types: readonly BucketType[];
}
export interface RawChange {
  readonly key: string;
  readonly read: RawRead;
}
export interface RawKeys {
  readonly met: boolean;
  readonly needed: number;
  readonly answered: readonly string[];
  readonly keys: readonly string[];
}

export interface RawKept {
  readonly pinned: boolean;
}

export interface RawLeft {
  readonly handedOff: boolean;
}

export interface RawInvite {
  readonly number: number;
  readonly text: string;
}

/** A payload is encoded: `decode` makes a value of it. */
export interface RawHeld {
  readonly versions: readonly { readonly node: string; readonly counter: number; readonly payload?: Uint8Array }[];
  readonly clock: readonly { readonly node: string; readonly counter: number }[];
  readonly heldFor: readonly string[];
}

/** All methods that return a number throw a `Failure`; the number is for `cancel` or `noLonger`. */
export class PeerHandle {
  private constructor();
  id(): string;
  /** Until somebody listens to "protocol", its events are not made. */
  hearProtocol(hears: boolean): void;
  put(bucket: string, key: string, value: unknown, options: RawPutOptions, onReceipt: Callback<RawReceipt>): number;
  /** What it adds, inserts, removes or sets is `value`; of a map, in or from `field`. */
  edit(
    bucket: string,
    key: string,
    kind: EditKind,
    field: string | undefined,
    value: unknown,
    options: RawWriteOptions,
    onReceipt: Callback<RawReceipt>,
  ): number;
  remove(
    bucket: string,
    key: string,
    context: string | undefined,
    level: Level | undefined,
    timeoutMs: number | undefined,
    onReceipt: Callback<RawReceipt>,
  ): number;
  get(
    bucket: string,
    key: string,
    level: Level | undefined,
    timeoutMs: number | undefined,
    onRead: Callback<RawRead>,
  ): number;
  keys(
    bucket: string,
    prefix: string,
    level: Level | undefined,
    timeoutMs: number | undefined,
    onKeys: Callback<RawKeys>,
  ): number;
  /** Keep all of a bucket here, or no longer what others own of it. */
  pin(bucket: string, onKept: Callback<RawKept>): number;
  unpin(bucket: string, onKept: Callback<RawKept>): number;
  watch(bucket: string, key: string, onRead: Callback<RawRead>): number;
  watchAll(bucket: string, prefix: string, onChanges: Callback<readonly RawChange[]>): number;
  leave(timeoutMs: number | undefined, onLeft: Callback<RawLeft>): number;
  cancel(request: number): void;
  whenLinked(peers: number, onLinked: OnCondition): number;
  whenSettled(onSettled: OnCondition): number;
  noLonger(wait: number): void;
  members(): readonly Member[];
  preferenceList(
    bucket: string,
    key: string,
  ): { readonly owners: readonly string[]; readonly fallbacks: readonly string[] };
  position(bucket: string, key: string): number;
  ring(): { readonly tokens: readonly { readonly position: number; readonly id: string }[] };
  metrics(): Metrics;
  /** These three reject with a `Failure`. */
  createInvite(): Promise<RawInvite>;
  acceptInvite(invite: string): Promise<string>;
  completeInvite(invite: number, answer: string): Promise<void>;
  vitals(): readonly Vitals[];
  held(bucket: string, key: string): RawHeld;
  pause(): void;
  resume(): void;
  isPaused(): boolean;
  relayed(): string[];
  cut(id: string): void;
  uncut(id: string): void;
  close(): Promise<void>;
}

/** Fetches and starts the wasm; again, it returns at once. */
export default function init(): Promise<unknown>;
export function join(options: RawOptions, sink: Sink, signal: AbortSignal | undefined): Promise<PeerHandle>;
export function decode(payload: Uint8Array, frozen: boolean): unknown;
export function canonical(value: unknown): unknown;
export function checkKey(bucket: string, key: string): void;
