// Reads: what the node found, decoded, merged and frozen.
//
// Whatever is handed out is frozen and decoded anew, so nothing an application does to it reaches another read. What
// `merge` and `change` get is theirs to change: a fresh array of fresh values.
import { errorFrom, RoundtableError } from "./error.js";
import type { BucketType, RawRead } from "./roundtable_web.js";
import type { Context, Read } from "./types.js";
import type { Wasm } from "./wasm.js";

export type Merge<T> = (siblings: T[]) => T;

export interface Decoded<T> {
  readonly read: Read<T>;
  /** What `merge` threw; the read then has the first sibling. */
  readonly mergeError: RoundtableError | undefined;
}

/** What a bucket makes of siblings. */
export interface Law<T> {
  readonly type: BucketType;
  readonly merge: Merge<T> | undefined;
  /** What a decoded value becomes before it is handed out; frozen. */
  readonly shape?: (value: T) => T;
}

/** A read as the application gets it. Throws "incompatible" if a value cannot be read here, or is of another type. */
export function decodeRead<T>(wasm: Wasm, raw: RawRead, { type, merge, shape }: Law<T>): Decoded<T> {
  checkType(raw, type);
  const outcome = {
    met: raw.met,
    needed: raw.needed,
    answered: raw.answered,
    context: raw.context as Context,
  };
  // What is stored under this bucket's name is a T by the application's own word.
  const decoded = decodeAll(wasm, raw, true) as T[];
  const [first, ...others] = shape === undefined ? decoded : decoded.map(shape);
  if (raw.siblings.length === 0 || first === undefined) {
    const read: Read<T> = { ...outcome, found: false, value: undefined, siblings: Object.freeze([] as const) };
    return { read: Object.freeze(read), mergeError: undefined };
  }
  const siblings: readonly [T, ...T[]] = Object.freeze([first, ...others] as [T, ...T[]]);
  let value: T = first;
  let mergeError: RoundtableError | undefined;
  if (merge !== undefined) {
    try {
      value = wasm.canonical(mergeSiblings(wasm, raw, merge)) as T;
    } catch (error) {
      mergeError = mergeFailed(error);
    }
  }
  const read: Read<T> = { ...outcome, found: true, value, siblings };
  return { read: Object.freeze(read), mergeError };
}

/** What `change` of an update gets. */
export function decodeForChange<T>(
  wasm: Wasm,
  raw: RawRead,
  { type, merge }: Law<T>,
): { value: T | undefined; siblings: T[] } {
  checkType(raw, type);
  const siblings = decodeAll(wasm, raw, false) as T[];
  if (siblings.length === 0) return { value: undefined, siblings };
  if (merge === undefined) return { value: siblings[0], siblings };
  try {
    return { value: mergeSiblings(wasm, raw, merge), siblings };
  } catch (error) {
    throw mergeFailed(error);
  }
}

function checkType(raw: RawRead, type: BucketType): void {
  const other = raw.types.find((found) => found !== type);
  if (other === undefined) return;
  throw new RoundtableError(
    "incompatible",
    `this bucket is of type "${type}" here, and a value in it was written as "${other}": open it with the same type everywhere, or delete the key`,
  );
}

function mergeSiblings<T>(wasm: Wasm, raw: RawRead, merge: Merge<T>): T {
  return merge(decodeAll(wasm, raw, false) as T[]);
}

function decodeAll(wasm: Wasm, raw: RawRead, frozen: boolean): unknown[] {
  try {
    return raw.siblings.map((payload) => wasm.decode(payload, frozen));
  } catch (error) {
    throw errorFrom(error);
  }
}

function mergeFailed(error: unknown): RoundtableError {
  const why = typeof error === "object" && error !== null && "message" in error ? ` (${error.message})` : "";
  const message = `merge failed${why}; it must return a storable value for any siblings, in any order`;
  return new RoundtableError("merge", message, { cause: error });
}
