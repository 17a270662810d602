// A bucket of values: put, read, changed.
import { type Behind, checkWrite, KeyedBucket, putOptions, writeOptions } from "./any.js";
import { invalid, RoundtableError } from "./error.js";
import { decodeForChange, type Law, type Merge } from "./read.js";
import type { RawRead } from "./roundtable_web.js";
import type { Bucket, Context, Level, PutOptions, Receipt, WriteOptions } from "./types.js";
import { checkFunction, describe } from "./validate.js";

export class RegisterBucket<T> extends KeyedBucket<T> implements Bucket<T> {
  declare readonly type: "siblings" | "lww";
  /** The last update of each key that has one under way. */
  readonly #updates = new Map<string, Promise<unknown>>();
  #merge: Merge<T> | undefined;

  constructor(name: string, type: "siblings" | "lww", behind: Behind) {
    super(name, type, behind);
  }

  /** The newest `merge` counts. */
  set merge(merge: Merge<T>) {
    this.#merge = merge;
  }

  async put(key: string, value: T, options?: PutOptions): Promise<Receipt> {
    this.check("put", key, options, putOptions);
    checkWrite("put", options);
    return this.#put(key, value, options?.context, options);
  }

  async update(
    key: string,
    change: (value: T | undefined, siblings: T[]) => T,
    options?: WriteOptions,
  ): Promise<Receipt> {
    this.check("update", key, options, writeOptions);
    checkWrite("update", options);
    checkFunction("update: change", change);
    const before = this.#updates.get(key);
    const update = (before ?? Promise.resolve()).then(() => this.#updateNow(key, change, options));
    const over = update.then(
      () => undefined,
      () => undefined,
    );
    this.#updates.set(key, over);
    void over.then(() => {
      if (this.#updates.get(key) === over) this.#updates.delete(key);
    });
    return update;
  }

  async #updateNow(
    key: string,
    change: (value: T | undefined, siblings: T[]) => T,
    options: WriteOptions | undefined,
  ): Promise<Receipt> {
    // Who writes locally does not want to wait for others before, either.
    const level: Level | undefined = options?.level === "local" ? "local" : undefined;
    const raw = await this.ask<RawRead>((peer, onRead) => peer.get(this.name, key, level, options?.timeoutMs, onRead));
    const { value, siblings } = decodeForChange(this.behind.wasm, raw, this.law);
    const changed = changedBy(change, value, siblings);
    return this.#put(key, changed, raw.context as Context, options);
  }

  async #put(key: string, value: T, context: Context | undefined, options: WriteOptions | undefined): Promise<Receipt> {
    const { level, timeoutMs, ttlMs } = options ?? {};
    const raw = { type: this.type, ttlMs, context, level, timeoutMs };
    return this.write((peer, onReceipt) => peer.put(this.name, key, value, raw, onReceipt));
  }

  protected get law(): Law<T> {
    return { type: this.type, merge: this.#merge };
  }
}

function changedBy<T>(change: (value: T | undefined, siblings: T[]) => T, value: T | undefined, siblings: T[]): T {
  let changed: T;
  try {
    changed = change(value, siblings);
  } catch (cause) {
    const why = cause instanceof Error ? ` (${cause.message})` : "";
    throw new RoundtableError("merge", `update: change threw${why}; nothing was written`, { cause });
  }
  if (changed === undefined) {
    throw invalid("update: change returned undefined; return the new value, or use delete to remove the key");
  }
  if (typeof changed === "object" && changed !== null && "then" in changed && typeof changed.then === "function") {
    throw invalid(
      `update: change must return the new value at once, not ${describe(changed)} with a then(); await before you call update`,
    );
  }
  return changed;
}
