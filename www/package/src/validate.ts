// Arguments, checked where their types are known. Whatever is wrong is named, and what would be right is said.
import { invalid } from "./error.js";
import type { IceServer, JoinOptions, Level } from "./types.js";

const utf8 = new TextEncoder();
const roomBytesMax = 256;
const labelBytesMax = 64;
const secretBytesMax = 1024;
/** Ten years, as the node has it. */
const ttlMsMax = 3_653 * 24 * 60 * 60 * 1_000;

/** An options object without a property that nobody knows. */
export function checkOptions(where: string, options: unknown, known: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw invalid(`${where}: options must be an object, not ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const hint = near === undefined ? "there are none" : `did you mean "${near}"? There are ${known.join(", ")}`;
    throw invalid(`${where}: unknown option "${name}"; ${hint}`);
  }
}

/** Well-formed text. */
export function checkText(where: string, text: unknown): asserts text is string {
  if (typeof text !== "string") throw invalid(`${where} must be a string, not ${describe(text)}`);
  if (/\p{Surrogate}/u.test(text)) throw invalid(`${where} has a lone surrogate; only well-formed text can be stored`);
}

export function checkFunction(where: string, value: unknown): void {
  if (typeof value !== "function") throw invalid(`${where} must be a function, not ${describe(value)}`);
}

export function checkLevel(where: string, level: unknown): asserts level is Level | undefined {
  if (level === undefined || level === "local" || level === "one" || level === "quorum" || level === "all") return;
  if (typeof level === "number" && Number.isInteger(level) && level >= 1 && level <= 7) return;
  throw invalid(
    `${where} must be "local", "one", "quorum", "all" or a whole number from 1 to 7, not ${describe(level)}`,
  );
}

export function checkTimeout(where: string, timeoutMs: unknown): void {
  if (timeoutMs === undefined) return;
  if (typeof timeoutMs === "number" && Number.isFinite(timeoutMs) && timeoutMs > 0) return;
  throw invalid(`${where} must be a positive number of milliseconds, not ${describe(timeoutMs)}`);
}

export function checkTtl(where: string, ttlMs: unknown): void {
  if (ttlMs === undefined) return;
  if (typeof ttlMs === "number" && ttlMs > 0 && ttlMs <= ttlMsMax) return;
  throw invalid(`${where} must be a positive number of milliseconds, at most ten years, not ${describe(ttlMs)}`);
}

export function checkWhole(where: string, value: unknown, min: number, max: number): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return;
  throw invalid(`${where} must be a whole number from ${min} to ${max}, not ${describe(value)}`);
}

const joinOptions = [
  "room",
  "secret",
  "rendezvous",
  "iceServers",
  "storage",
  "capacity",
  "n",
  "r",
  "w",
  "label",
  "signal",
] as const satisfies readonly (keyof JoinOptions)[];

/** All options of `join` but the signal, with their defaults. */
export type CompleteOptions = Required<Omit<JoinOptions, "secret" | "signal" | "capacity">> & {
  secret: JoinOptions["secret"];
  capacity: number | undefined;
};

export function completeJoinOptions(options: JoinOptions, defaultRendezvous: () => string[]): CompleteOptions {
  if (options === undefined) throw invalid('join: pass the room to join: join({ room: "kitchen" })');
  checkOptions("join", options, joinOptions);
  const { room, secret, rendezvous, iceServers, storage, capacity, n, r, w, label, signal } = options;
  checkText("join: room", room);
  const roomBytes = utf8.encode(room).length;
  if (roomBytes === 0 || roomBytes > roomBytesMax) {
    throw invalid(`join: room must have 1 to ${roomBytesMax} UTF-8 bytes, not ${roomBytes}`);
  }
  checkSecret(secret);
  if (storage !== undefined && storage !== "indexeddb" && storage !== "memory") {
    throw invalid(`join: storage must be "indexeddb" or "memory", not ${describe(storage)}`);
  }
  if (capacity !== undefined) checkWhole("join: capacity", capacity, 1, 1024);
  if (n !== undefined) checkWhole("join: n", n, 1, 7);
  checkLevel("join: r", r);
  checkLevel("join: w", w);
  if (label !== undefined) {
    checkText("join: label", label);
    const labelBytes = utf8.encode(label).length;
    if (labelBytes > labelBytesMax) {
      throw invalid(`join: label must have at most ${labelBytesMax} UTF-8 bytes, not ${labelBytes}`);
    }
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalid(`join: signal must be an AbortSignal, not ${describe(signal)}`);
  }
  if (rendezvous !== undefined) checkRendezvous(rendezvous);
  if (iceServers !== undefined) checkIceServers(iceServers);
  return {
    room,
    secret,
    rendezvous: rendezvous === undefined ? defaultRendezvous() : [...new Set(rendezvous)],
    iceServers: iceServers ?? [],
    storage: storage ?? "indexeddb",
    capacity,
    n: n ?? 3,
    r: r ?? "quorum",
    w: w ?? "quorum",
    label: label ?? "",
  };
}

function checkSecret(secret: unknown): void {
  if (secret === undefined) return;
  if (typeof secret === "string") checkText("join: secret", secret);
  else if (!(secret instanceof Uint8Array)) {
    throw invalid(`join: secret must be a string or a Uint8Array, not ${describe(secret)}`);
  }
  const bytes = typeof secret === "string" ? utf8.encode(secret).length : secret.length;
  if (bytes > 0 && bytes <= secretBytesMax) return;
  const instead = bytes === 0 ? "leave it out for an open room" : `it has ${bytes}`;
  throw invalid(`join: secret must have 1 to ${secretBytesMax} bytes; ${instead}`);
}

function checkRendezvous(urls: unknown): asserts urls is string[] {
  if (!Array.isArray(urls)) throw invalid(`join: rendezvous must be an array of URLs, not ${describe(urls)}`);
  urls.forEach((url: unknown, index) => {
    const right = typeof url === "string" && URL.canParse(url) && /^wss?:$/.test(new URL(url).protocol);
    if (!right) throw invalid(`join: rendezvous[${index}] must be a ws: or wss: URL, not ${describe(url)}`);
  });
}

function checkIceServers(servers: unknown): asserts servers is IceServer[] {
  if (!Array.isArray(servers)) throw invalid(`join: iceServers must be an array, not ${describe(servers)}`);
  servers.forEach((server: unknown, index) => {
    const where = `join: iceServers[${index}]`;
    if (server === undefined) throw invalid(`${where} must be an object with urls`);
    checkOptions(where, server, ["urls", "username", "credential"]);
    const { urls, username, credential } = server as Partial<IceServer>;
    const list: unknown[] = Array.isArray(urls) ? urls : [urls];
    const right = list.length > 0 && list.every((url) => typeof url === "string" && /^(stun|turn)s?:./.test(url));
    if (!right) throw invalid(`${where}.urls must be stun: or turn: URLs, not ${describe(urls)}`);
    if (username !== undefined) checkText(`${where}.username`, username);
    if (credential !== undefined) checkText(`${where}.credential`, credential);
  });
}

/** A value in a few words. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "number" || typeof value === "boolean" || value === null || value === undefined)
    return `${value}`;
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** The known name that takes the fewest changes of letters. */
function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const away = distance(name.slice(0, 32).toLowerCase(), candidate.toLowerCase());
    if (away < least) [best, least] = [candidate, away];
  }
  return best;
}

/** Levenshtein's: how many letters to insert, delete or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
