// The public types. Names and meanings are a contract; what is missing so far is absent or says that it rejects.
import type { RoundtableError } from "./error.js";

// ---- values -------------------------------------------------------------------------------------------------------

/** JSON, plus Uint8Array anywhere in it. Undefined properties are dropped; NaN, ±Infinity, lone surrogates are refused. */
export type Value =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value | undefined };

/** Lets plain interfaces through where `Value` would ask for an index signature; refuses Date, Map, functions, bigint. */
export type Storable<T> = Value | { [K in keyof T]: Part<T[K]> };
type Part<T> = T extends Value | undefined
  ? T
  : T extends bigint | symbol | ((...args: never[]) => unknown)
    ? never
    : T extends object
      ? { [K in keyof T]: Part<T[K]> }
      : never;

// ---- joining ------------------------------------------------------------------------------------------------------

export interface JoinOptions {
  /** Who shares it shares a ring; 1–256 UTF-8 bytes. */
  room: string;
  /**
   * Admits only who knows it; 1–1,024 bytes. Without one the room is open to its origin's visitors. The same room with
   * another secret, or with none, is another room. At least 16 random bytes, as bytes or as 32 hexadecimal digits, are a
   * strong secret. Any other text is taken for one that people type: it is stretched (a part of a second; needs https or
   * this machine, else "unsupported"), and is as weak as it is easy to guess.
   */
  secret?: string | Uint8Array;
  /** ws(s) URLs, tried side by side; default: this origin's `/rendezvous`; `[]`: none (tabs of this browser only). */
  rendezvous?: string[];
  /** Default: none, so that nothing leaves the network unasked. */
  iceServers?: IceServer[];
  /** Default "indexeddb". Without Web Locks (plain http) or IndexedDB (some private windows) such a node lives in memory,
   *  and a "storage" event says so. */
  storage?: "indexeddb" | "memory";
  /** Virtual nodes, 1–1024: how much of the ring this node owns beside others. Default: what its device is fit for, 256,
   *  128 or 64 for a large, a usual and a small one, by the room its browser has for this site, its memory, and whether
   *  it is a phone; 128 where the browser does not tell. A node whose disk is full halves it, step by step. */
  capacity?: number;
  /** Copies; 1–7; default 3; the room's is the largest that a live member declares. */
  n?: number;
  /** Used where a read gives no level; default "quorum". */
  r?: Level;
  /** Used where a write gives no level; default "quorum". */
  w?: Level;
  /** Shown in panels; at most 64 UTF-8 bytes. */
  label?: string;
  /** Aborts joining only. */
  signal?: AbortSignal;
}
export interface IceServer {
  urls: string | string[];
  username?: string;
  credential?: string;
}

/** Of the room's n, not of those present. `local`: durable on this node; `one`: on one other; `quorum`: a majority of n; `all`: n. */
export type Level = "local" | "one" | "quorum" | "all" | number;
export type Status = "joining" | "up" | "suspect" | "dormant" | "leaving" | "departed";

export interface Member {
  readonly id: string;
  readonly device: string;
  readonly label: string;
  readonly capacity: number;
  readonly status: Status;
  readonly self: boolean;
  /** A direct data channel is open; or, where there can be none, a relay of last resort (`Mesh.relayed`). */
  readonly linked: boolean;
  /** Its share of primary positions, 0–1. */
  readonly owns: number;
  /** Whether its disk takes what it is given, as it last said. One that is "full" or "failing" takes no new keys of
   *  others, acknowledges nothing that is not durable, and goes on serving what it has. */
  readonly disk: "sound" | "full" | "failing";
}

export interface Mesh {
  readonly id: string;
  readonly room: string;
  /** The same name gives the same bucket; the newest `merge` counts; another type is "invalid-argument". Objects carry
   *  their type: one that a peer wrote under another type rejects with "incompatible". */
  bucket<T extends Storable<T> = Value>(name: string, options?: BucketOptions<T>): Bucket<T>;
  bucket(name: string, options: { type: "counter" } & KeepOptions): CounterBucket;
  bucket<T extends Storable<T> = Value>(name: string, options: { type: "set" } & KeepOptions): SetBucket<T>;
  bucket<T extends Storable<T> = Value>(name: string, options: { type: "map" } & KeepOptions): MapBucket<T>;
  /** Self first, then by id. The same array until something in it changes; each change fires "member". */
  members(): readonly Member[];
  preferenceList(
    bucket: string,
    key: string,
  ): { readonly owners: readonly string[]; readonly fallbacks: readonly string[] };
  metrics(): Metrics;
  /** This node is linked to at least `peers` (default 1) others. Default 10 s, then rejects with "timeout". */
  ready(options?: { peers?: number; timeoutMs?: number }): Promise<void>;
  /** Nothing this node holds waits for another: no hint for a live owner, arcs reconciled. Default 30 s, then "timeout". */
  settled(options?: { timeoutMs?: number }): Promise<void>;
  /** A "storage" event that came before there was a listener is given to the first one. Returns what ends it. */
  on<E extends keyof MeshEvents>(event: E, listener: (detail: MeshEvents[E]) => void): () => void;
  /**
   * An introduction without any server: hand the text over (copied, or as a QR code), give the answer back. Who is
   * introduced to one member meets the others through it. Good for ten minutes, once, and its answer for three; both
   * tabs stay open meanwhile. At most 8 are open at once, the oldest is let go. Anybody who reads it sees random letters; only the room can use it.
   */
  createInvite(): Promise<Invite>;
  /**
   * The answer to another node's invite; the link follows once it is completed there. Rejects with "invalid-argument" (no
   * invite, or one's own), "denied" (another room or secret), "incompatible" (another version), "timeout" (too old).
   */
  acceptInvite(invite: string): Promise<string>;
  /**
   * Hand everything off, then depart for good; this mesh is closed then. `handedOff: false` (alone, or at the timeout,
   * by default 30 s): still a member; nothing that is not confirmed on another device is deleted, and the next tab of
   * this device finds it.
   */
  leave(options?: { timeoutMs?: number }): Promise<{ readonly handedOff: boolean }>;
  /** Stop now; this node is expected back. */
  close(): Promise<void>;

  /** For panels: all tokens of the ring as this node knows it, clockwise. */
  ring(): { readonly tokens: readonly Token[] };
  /** For panels: where a key lies on the ring, 0–1. */
  position(bucket: string, key: string): number;
  /** For panels: how everybody is by their own last word, this node first. Who is linked with this node is heard of; of
   *  whom nothing is known is left out. */
  vitals(): readonly Vitals[];
  /** For panels: what this very node has of a key, whoever owns it. */
  held(bucket: string, key: string): Held;
  /** For classrooms: hold this node still, as a browser freezes a tab: its links stay open, it hears and says nothing, and
   *  what is asked of it waits. Others soon go on without it. Ends with `resume`, `close` or the page. */
  pause(): void;
  /** Ends what `pause` began. */
  resume(): void;
  isPaused(): boolean;
  /** The ids of those whose link goes through a rendezvous, sealed, because this tab can connect with nobody: a relay of
   *  last resort, some 30 KB/s for all together. A real link is tried for every half a minute, and takes its place. */
  relayed(): readonly string[];
  /** For tests and classrooms: drop the direct link with that node and refuse it until `uncut`, as a broken cable would. */
  cut(id: string): void;
  /** Ends what `cut` began. */
  uncut(id: string): void;
}
export interface Invite {
  /** At most 300 letters of A–Z, a–z, 0–9, - and _: fit for a link and for a QR code. */
  readonly text: string;
  /** Resolves when the link with whoever answered is open. An answer that is none, or is to another invite, rejects and
   *  leaves the invite open; rejects with "timeout" if the other side is not reached within half a minute. */
  complete(answer: string): Promise<void>;
}
export interface Token {
  /** 0–1, clockwise. */
  readonly position: number;
  readonly id: string;
}

/** How a node is doing. Counts are exact; milliseconds and rates are rough, to within a fifth. */
export interface Vitals {
  readonly id: string;
  /** How long ago it said so. */
  readonly ageMs: number;
  readonly keys: number;
  readonly bytes: number;
  readonly hints: number;
  readonly tombstones: number;
  readonly links: number;
  /** For how long something of it has waited to be where it belongs; 0: it knows of nothing. */
  readonly lagMs: number;
  readonly sentPerSecond: Readonly<Record<"gossip" | "repair" | "transfer" | "request" | "signal", number>>;
  readonly gets: { readonly p50Ms: number; readonly p99Ms: number };
  readonly puts: { readonly p50Ms: number; readonly p99Ms: number };
}
/** A deleted key has a clock and no version; an unknown one has neither. */
export interface Held {
  /** Each under its dot: who wrote it, and the how-manieth of that node's writes it was. More than one are concurrent.
   *  `value` is absent where it is a part of another (a field of a map). */
  readonly versions: readonly { readonly node: string; readonly counter: number; readonly value?: Value }[];
  /** Up to which write of each node this copy has seen the key; a node may stand in it twice, under two epochs. */
  readonly clock: readonly { readonly node: string; readonly counter: number }[];
  /** The owners for whom this node keeps a hint. */
  readonly heldFor: readonly string[];
}

// ---- buckets ------------------------------------------------------------------------------------------------------

export interface KeepOptions {
  /** `true`: keep the whole bucket on this node, whoever owns it, so that all of it is there with all others gone. It is
   *  kept over reloads. It costs this node the space and every change of the bucket, and no write waits for it. `false`
   *  drops what others own of it; unset leaves it as it was. */
  offline?: boolean;
}
/** `merge`: commutative, associative, idempotent; its result is written back on the next put. It gets a fresh array.
 *  "lww": of values written without knowledge of each other the last by the writers' clocks is shown, and the others
 * are  lost without a word. For what only the newest state of matters, such as a cursor. */
export type BucketOptions<T> = KeepOptions &
  ({ type?: "siblings"; merge?: (siblings: T[]) => T } | { type: "lww"; merge?: never });

/** timeoutMs: 5,000 by default. Reads and writes never reject for it nor for want of peers: they resolve, `met` false. */
export interface ReadOptions {
  level?: Level;
  timeoutMs?: number;
}
export interface WriteOptions extends ReadOptions {
  /** The value expires so long after it was put: it is then shown nowhere, as if deleted. More than 0, at most ten years.
   *  By wall clocks: a tab whose device's clock is wrong hides it too early or too late. Not for deletes. */
  ttlMs?: number;
}
/** `context`: what this write supersedes; default: what this session was shown of the key (get,
 *  watch, update, own writes), or, if it never was, what this node holds; a delete then reads at `r` first. */
export interface PutOptions extends WriteOptions {
  context?: Context;
}
/** What a read has seen. Opaque; may be stored and sent. */
export type Context = string & { readonly __context: unique symbol };

export interface Outcome {
  readonly met: boolean;
  readonly needed: number;
  readonly answered: readonly string[];
}
/** `siblings`: every concurrent value, in an order that is the same on every node. `value`: what `merge` made of them, else
 *  the first. A conflict is siblings.length > 1. All of it is frozen. */
export type Read<T> = Outcome & { readonly context: Context } & (
    | { readonly found: false; readonly value: undefined; readonly siblings: readonly [] }
    | { readonly found: true; readonly value: T; readonly siblings: readonly [T, ...T[]] }
  );

export interface Receipt {
  readonly context: Context;
  readonly requested: Level;
  readonly needed: number;
  readonly met: boolean;
  readonly reached: "local" | "one" | "quorum" | "all";
  /** Who has it on disk. */
  readonly owners: readonly string[];
  readonly fallbacks: readonly string[];
  readonly devices: number;
  readonly ended: "complete" | "superseded" | "closed" | undefined;
  /** Called with this state first (asynchronously), then with each newer receipt; released once `ended`. */
  onProgress(listener: (receipt: Receipt) => void): () => void;
}

export interface Change<V> {
  readonly key: string;
  readonly read: Read<V>;
}

export interface AnyBucket<V> {
  readonly name: string;
  get(key: string, options?: ReadOptions): Promise<Read<V>>;
  delete(key: string, options?: PutOptions): Promise<Receipt>;
  /**
   * First call: local state, asynchronously, never before `watch` returns. Then the newest state, coalesced, on every
   * change that reaches this node, and once when a quorum has answered even if nothing changed (so that "loading"
   * differs from "empty"). What a listener throws goes to reportError. The key is an interest for as long as it is
   * watched.
   */
  watch(key: string, listener: (read: Read<V>) => void): () => void;
  /**
   * The same for all keys that begin with `prefix`, in one call: the first call holds all that this node has, even
   * nothing; then batches of what has changed, in the order of the keys. The keys are an interest for as long as they
   * are watched: what others own of them is brought here at once, and their changes are told. Such copies count for
   * nobody but this tab; some megabytes of them stay when the watch has ended, for the next one to begin with.
   */
  watchAll(options: { prefix?: string }, listener: (changes: readonly Change<V>[]) => void): () => void;
  /** In the order of their UTF-8 bytes, merged from r owners of every arc; `met` is false when an arc had too few to ask. */
  keys(options?: ReadOptions & { prefix?: string }): Promise<Outcome & { readonly keys: readonly string[] }>;
}
export interface Bucket<T> extends AnyBucket<T> {
  /** Rejects with "quota" or "storage" when it is not durable here; the write may then still reach other nodes. */
  put(key: string, value: T, options?: PutOptions): Promise<Receipt>;
  /** Read, change, write with the read's context. `change` is synchronous, gets a fresh array, and supersedes every
   *  sibling it was shown: set `merge`, or use the second argument. Updates of one key in one tab run one after
   * another. */
  update(key: string, change: (value: T | undefined, siblings: T[]) => T, options?: WriteOptions): Promise<Receipt>;
}
/**
 * What all tabs have added, each amount once, whoever had met whom. A tab that does not own the key reads it before it
 * adds, unless at level "local". At most 4,095 writers a key (a tab is one, and one more after each unclean stop); then
 * "too-large". A delete takes away what it has seen: the sum of a tab that adds at the same moment stays whole.
 */
export interface CounterBucket extends AnyBucket<number> {
  /** `by`: any finite number, 1 by default. Integers are exact up to 2^53. With `ttlMs`, what is added is taken off again then. */
  add(key: string, by?: number, options?: WriteOptions): Promise<Receipt>;
}
/**
 * Items are equal by their canonical encoding, and come in its order. An add wins over a removal that had not seen it.
 * All items of a key together have at most 1 MiB. One without items is not found.
 */
export interface SetBucket<T> extends AnyBucket<T[]> {
  add(key: string, item: T, options?: WriteOptions): Promise<Receipt>;
  /** Takes away what was seen of the item: `context`, else what this session was shown, else what the owners hold. */
  remove(key: string, item: T, options?: PutOptions): Promise<Receipt>;
}
/**
 * Values by name. Different fields never meet; of one field set in several tabs at once, the last by their clocks is
 * shown, as in a bucket of type "lww". The record has no prototype. All fields of a key together have at most
 * 1 MiB. One without fields is not found.
 */
export interface MapBucket<T> extends AnyBucket<Record<string, T>> {
  set(key: string, field: string, value: T, options?: WriteOptions): Promise<Receipt>;
  /** Takes away what was seen of the field: `context`, else what this session was shown, else what the owners hold. */
  unset(key: string, field: string, options?: PutOptions): Promise<Receipt>;
}

// ---- events, metrics, errors --------------------------------------------------------------------------------------

export interface MeshEvents {
  member: { readonly member: Member; readonly previous?: Status };
  link: { readonly id: string; readonly open: boolean; readonly via: "broadcast" | "rendezvous" | "mesh" | "invite" };
  /** The core's typed events, for panels and traces. `at` is in wall-clock milliseconds. */
  protocol: { readonly at: number; readonly kind: string; readonly [detail: string]: Value };
  storage: { readonly problem: "quota" | "blocked" | "evicted" | "failed"; readonly message: string };
  rendezvous: { readonly url: string; readonly connected: boolean };
}
export interface Metrics {
  readonly keys: number;
  readonly bytes: number;
  /** Keys that others own and this node keeps as well: of `offline` buckets and what is watched; in none of the other counts. */
  readonly copies: number;
  readonly copyBytes: number;
  readonly hints: number;
  readonly tombstones: number;
  readonly links: number;
  readonly sentBytes: Readonly<Record<"gossip" | "repair" | "transfer" | "request" | "signal", number>>;
  readonly requests: readonly {
    readonly kind: "get" | "put";
    readonly count: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
  }[];
  /** Known, not departed. */
  readonly nodes: number;
  /** What arrived from anywhere and was dropped, because it could not be read or was not allowed. */
  readonly dropped: number;
}

/** Stable; may grow. "clock": this device's clock has jumped, so a time to live cannot be given until it is set right or
 *  another device confirms it. "unsupported": there is no window here, or the browser lacks what a node cannot do
 * without. */
export type ErrorCode =
  | "invalid-argument"
  | "too-large"
  | "quota"
  | "storage"
  | "closed"
  | "timeout"
  | "denied"
  | "incompatible"
  | "aborted"
  | "merge"
  | "clock"
  | "unsupported";
export type { RoundtableError };
