// What there is to draw, whoever it comes from: seats, arcs and the way of one key. Pure; knows no mesh and no
// pixels.
//
// The live page fills it with what this tab believes. A simulator can fill the same shape, so the drawing is written
// once. Seats stand in the order of their node ids, so that every tab draws the same table; only "this tab" differs.
import type { Member, Status, Token } from "../peer/package";

export type { Status, Token } from "../peer/package";

export type Role = { readonly kind: "owner" | "fallback"; readonly rank: number }; // rank from 1

export interface Seat {
  readonly id: string;
  readonly name: string;
  readonly device: string; // a letter: which browser profile
  readonly status: Status;
  readonly self: boolean;
  readonly linked: boolean;
  readonly share: number; // 0–1
  readonly capacity: number;
}

/** The stretch of the ring that a token owns: clockwise from the token before it, up to and with itself. */
export interface Arc {
  readonly from: number;
  readonly to: number; // may be below `from`: the arc that wraps past the top
  readonly id: string;
}

export interface KeyWay {
  readonly bucket: string;
  readonly key: string;
  readonly position: number;
  readonly owners: readonly string[];
  readonly fallbacks: readonly string[];
  readonly steps: readonly Step[];
}

/** One token met on the clockwise walk, and what became of it. */
export interface Step {
  readonly token: Token;
  readonly length: number; // share of the circle between the step before (or the key) and this token
  readonly verdict: "owner" | "again" | "passed";
  readonly rank: number; // of an owner, from 1; else 0
}

/** Departed members are remembered by the mesh, but have no seat. */
export function seatsOf(members: readonly Member[]): Seat[] {
  const present = members
    .filter((member) => member.status !== "departed")
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const letters = deviceLetters(present);
  const names = new Map<string, number>();
  for (const { label } of present) names.set(label, (names.get(label) ?? 0) + 1);
  return present.map((member) => ({
    id: member.id,
    name: nameOf(member, (names.get(member.label) ?? 0) > 1),
    device: letters.get(member.device) ?? "?",
    status: member.status,
    self: member.self,
    linked: member.linked,
    share: member.owns,
    capacity: member.capacity,
  }));
}

/** A label is what its owner chose; two alike are told apart by the start of their ids. */
function nameOf(member: Member, shared: boolean): string {
  const short = member.id.slice(0, 4);
  if (member.label.trim() === "") return `node ${short}`;
  return shared ? `${member.label} ${short}` : member.label;
}

function deviceLetters(members: readonly Member[]): ReadonlyMap<string, string> {
  const devices = [...new Set(members.map((member) => member.device))].sort();
  return new Map(devices.map((device, index) => [device, letterOf(index)]));
}

function letterOf(index: number): string {
  const rest = Math.floor(index / 26);
  return (rest === 0 ? "" : letterOf(rest - 1)) + String.fromCharCode(65 + (index % 26));
}

/** One arc for each token, in the order of their ends. */
export function arcsOf(tokens: readonly Token[]): Arc[] {
  const sorted = clockwise(tokens);
  const last = sorted.at(-1);
  if (last === undefined) return [];
  const arcs: Arc[] = [];
  let from = last.position;
  for (const token of sorted) {
    arcs.push({ from, to: token.position, id: token.id });
    from = token.position;
  }
  return arcs;
}

const stepsMax = 40;

/** The walk from a position until every owner is met. The list itself comes from the mesh; this only shows why. */
export function walk(tokens: readonly Token[], position: number, owners: readonly string[]): Step[] {
  const sorted = clockwise(tokens);
  const start = sorted.findIndex((token) => token.position >= position);
  const first = start === -1 ? 0 : start; // past the last token the walk wraps to the first
  const met = new Set<string>();
  const missing = new Set(owners);
  const steps: Step[] = [];
  let at = position;
  for (let i = 0; i < Math.min(sorted.length, stepsMax) && missing.size > 0; i++) {
    const token = sorted[(first + i) % sorted.length];
    if (token === undefined) break;
    const rank = owners.indexOf(token.id) + 1;
    const verdict = met.has(token.id) ? "again" : rank > 0 ? "owner" : "passed";
    steps.push({ token, length: turn(at, token.position), verdict, rank: verdict === "owner" ? rank : 0 });
    met.add(token.id);
    missing.delete(token.id);
    at = token.position;
  }
  return steps;
}

export function roleOf(way: KeyWay | undefined, id: string): Role | undefined {
  if (way === undefined) return undefined;
  const owner = way.owners.indexOf(id);
  if (owner !== -1) return { kind: "owner", rank: owner + 1 };
  const fallback = way.fallbacks.indexOf(id);
  return fallback === -1 ? undefined : { kind: "fallback", rank: fallback + 1 };
}

/** How far it is clockwise from one position to another, 0–1. */
export function turn(from: number, to: number): number {
  return to >= from ? to - from : 1 - from + to;
}

function clockwise(tokens: readonly Token[]): Token[] {
  return [...tokens].sort((a, b) => a.position - b.position);
}
