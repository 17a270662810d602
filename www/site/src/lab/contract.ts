// What the simulator in wasm offers to this page, as types: the only thing that the page knows of it.
//
// The lab runs the very core of the tabs; the page draws and asks. Times are milliseconds of the lab's own clock since
// the room was opened. Everything structured crosses as JSON text, so this file is also the shape of those texts.
import type { Level, Member, Token } from "../peer/package";

export type { Level, Member, Token } from "../peer/package";

/** One history that can be run, looked at, wound back and forked. Every throw is an Error with a sentence. */
export interface Lab {
  link(): string;
  mark(pageState: string): void;
  marked(): string;
  now(): number;
  end(): number;
  run(ms: number, budgetMs: number): number;
  step(): string | undefined;
  run_until(what: string, msMax: number): boolean;
  seek(ms: number): void;
  fork(): Lab;
  act(step: string): string;
  state(view: string): string;
  log(since: number): string;
  diagram(fromMs: number, toMs: number): string;
  trace(): string;
  free(): void;
}

export interface LabClass {
  new (setup: string): Lab;
  from_link(fragment: string): Lab;
  plants(): string;
  lessons(): string;
  lesson(id: string): string;
}

export interface Setup {
  readonly version: 1;
  readonly seed: number;
  readonly nodes: readonly NodeSetup[];
  readonly n: number;
  readonly r?: Level;
  readonly w?: Level;
  readonly network?: Readonly<Record<string, unknown>>;
  readonly plant?: string;
  readonly lesson?: string;
}

export interface NodeSetup {
  readonly name: string;
  readonly device: string;
  readonly capacity: number;
  readonly open?: boolean;
}

export interface KeyName {
  readonly bucket: string;
  readonly key: string;
}

export interface View {
  readonly seenFrom?: string;
  readonly key?: KeyName;
  /** The ring that is drawn already: its tokens need not be told again. */
  readonly ring?: string;
}

/** How a node really is, which only the lab can know. */
export interface LabNode {
  readonly name: string;
  readonly id: string;
  readonly device: string;
  readonly capacity: number;
  readonly open: boolean;
  readonly frozen: boolean;
  readonly diskFull: boolean;
  readonly skewMs: number;
  readonly status: Member["status"];
  readonly links: number;
  readonly keys: number;
  readonly bytes: number;
  readonly hints: number;
  readonly tombstones: number;
  readonly settled: boolean;
  readonly sentBytes: Readonly<Record<string, number>>;
}

export interface Message {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly kind: string;
  readonly what: string;
  readonly left: number;
  readonly arrives: number;
  readonly bytes: number;
}

export interface Replica {
  readonly name: string;
  readonly role: "owner" | "fallback" | "other";
  readonly rank?: number | null; // in the preference list, from 0
  readonly found: boolean;
  readonly deleted?: boolean;
  readonly siblings: readonly { readonly value: string; readonly dot: string; readonly concurrent: boolean }[];
  readonly clock: Readonly<Record<string, number>>;
  readonly hintsFor?: readonly string[];
}

export interface KeyState extends KeyName {
  readonly position: number;
  readonly owners: readonly string[];
  readonly fallbacks: readonly string[];
  readonly replicas: readonly Replica[];
}

export interface Request {
  readonly id: number;
  readonly at: number;
  readonly node: string;
  readonly kind: string;
  readonly bucket: string;
  readonly key: string;
  readonly level: Level;
  readonly answered: number;
  readonly needed: number;
  readonly met?: boolean | null;
  readonly reached?: string | null;
  readonly owners: readonly string[];
  readonly fallbacks: readonly string[];
  readonly result?: string | null;
  readonly ended: boolean;
}

export interface Metrics {
  readonly convergedAt?: number | null;
  readonly hints: number;
  readonly bytesPerSecond: Readonly<Record<string, number>>;
  readonly p50Ms: Readonly<Record<string, number | null>>;
  readonly p99Ms: Readonly<Record<string, number | null>>;
  /** By the last change of who is open, of so many keys. */
  readonly movedKeys: { readonly ring: number; readonly mod: number; readonly of: number };
}

export interface Violation {
  readonly at: number;
  readonly checker: string;
  readonly rule?: string;
  readonly what: string;
  readonly keys: readonly string[];
  readonly nodes: readonly string[];
}

export interface State {
  readonly now: number;
  readonly end: number;
  readonly trace: string;
  readonly nodes: readonly LabNode[];
  readonly members: readonly Member[];
  readonly ring: string;
  readonly tokens?: readonly Token[] | null; // not, if the view has named this ring
  readonly first: number; // the oldest entry of the log
  readonly next: number; // the number after the newest
  readonly note?: string | null; // what a reader of the link should know
  readonly links: readonly (readonly [string, string])[];
  readonly cuts: readonly (readonly [string, string])[];
  readonly messages: readonly Message[];
  readonly key?: KeyState | null;
  readonly requests: readonly Request[];
  readonly metrics: Metrics;
  readonly violation?: Violation | null;
}

export interface Diagram {
  readonly nodes: readonly string[];
  readonly events: readonly {
    readonly at: number;
    readonly node: string;
    readonly kind: string;
    readonly clock?: Readonly<Record<string, number>> | null;
  }[];
  readonly messages: readonly {
    readonly from: string;
    readonly to: string;
    readonly left: number;
    readonly arrived?: number | null;
    readonly lost?: number | boolean | null;
    readonly kind: string;
  }[];
}

export interface LogEntry {
  readonly index: number;
  readonly at: number;
  readonly node?: string | null;
  readonly kind: string;
  readonly about?: string;
  readonly count?: number;
  readonly key?: string;
  readonly what?: string;
  readonly dot?: string;
  readonly now?: string;
  readonly reason?: string;
  readonly received?: number;
  readonly sent?: number;
  readonly capacity?: number;
  readonly step?: unknown;
}

export interface LessonHead {
  readonly id: string;
  readonly title: string;
  readonly paper: string;
  readonly minutes: number;
}

export interface Lesson extends LessonHead {
  readonly setup: Setup;
  readonly key?: KeyName | null;
  readonly steps: readonly LessonStep[];
  readonly trace: string;
}

export interface LessonStep {
  readonly say: string;
  readonly ask?: {
    readonly question: string;
    readonly choices: readonly string[];
    readonly answer: number;
    readonly reveal: string;
  } | null;
  readonly act?: readonly unknown[] | null;
  readonly run?: number | null;
  readonly until?: unknown;
  readonly look?: {
    readonly node?: string | null;
    readonly key?: KeyName | null;
    readonly seenFrom?: string | null;
    readonly panel?: string | null;
  } | null;
}

export interface Plant {
  readonly name: string;
  readonly about: string;
}
