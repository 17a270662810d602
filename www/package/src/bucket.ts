// One bucket: keys and values, over the node's requests.
import { call, coalesced, report } from "./callbacks.js";
import { attempt, closed, errorFrom, invalid, RoundtableError } from "./error.js";
import { decodeForChange, decodeRead, type Law, type Merge } from "./read.js";
import { firstReceipt } from "./receipt.js";
import type { BucketType, Callback, PeerHandle, RawRead } from "./roundtable_web.js";
import type { Bucket, Context, Level, Outcome, PutOptions, Read, ReadOptions, Receipt, WriteOptions } from "./types.js";
import { checkFunction, checkLevel, checkOptions, checkText, checkTimeout, checkTtl, describe } from "./validate.js";
import type { Wasm } from "./wasm.js";

const readOptions = ["level", "timeoutMs"] as const;
const writeOptions = ["level", "timeoutMs", "ttlMs"] as const;
const putOptions = ["level", "timeoutMs", "ttlMs", "context"] as const;
const keysOptions = ["level", "timeoutMs", "prefix"] as const;

/** The node behind a mesh. */
export interface Behind {
  readonly wasm: Wasm;
  readonly peer: PeerHandle;
  readonly isClosed: () => boolean;
}

export class RegisterBucket<T> implements Bucket<T> {
  readonly name: string;
  readonly type: BucketType;
  readonly #behind: Behind;
  /** The last update of each key that has one under way. */
  readonly #updates = new Map<string, Promise<unknown>>();
  #merge: Merge<T> | undefined;

  constructor(name: string, type: BucketType, behind: Behind) {
    this.name = name;
    this.type = type;
    this.#behind = behind;
  }

  /** The newest `merge` counts. */
  set merge(merge: Merge<T>) {
    this.#merge = merge;
  }

  async get(key: string, options?: ReadOptions): Promise<Read<T>> {
    this.#check("get", key, options, readOptions);
    const raw = await this.#ask<RawRead>((peer, onRead) =>
      peer.get(this.name, key, options?.level, options?.timeoutMs, onRead),
    );
    const { read, mergeError } = decodeRead(this.#behind.wasm, raw, this.#law);
    if (mergeError !== undefined) throw mergeError;
    return read;
  }

  async put(key: string, value: T, options?: PutOptions): Promise<Receipt> {
    this.#check("put", key, options, putOptions);
    checkWrite("put", options);
    return this.#put(key, value, options?.context, options);
  }

  async delete(key: string, options?: PutOptions): Promise<Receipt> {
    this.#check("delete", key, options, putOptions);
    checkWrite("delete", options);
    if (options?.ttlMs !== undefined) throw invalid("delete: ttlMs is for values; a delete has none that could expire");
    const { peer } = this.#open();
    return firstReceipt(peer, (onReceipt) =>
      attempt(() => peer.remove(this.name, key, options?.context, options?.level, options?.timeoutMs, onReceipt)),
    );
  }

  async update(
    key: string,
    change: (value: T | undefined, siblings: T[]) => T,
    options?: WriteOptions,
  ): Promise<Receipt> {
    this.#check("update", key, options, writeOptions);
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

  watch(key: string, listener: (read: Read<T>) => void): () => void {
    this.#check("watch", key, undefined, []);
    checkFunction("watch: listener", listener);
    const { peer, wasm } = this.#open();
    let watching = true;
    let newest: RawRead | undefined;
    const tellSoon = coalesced(() => {
      const raw = newest;
      if (!watching || raw === undefined) return;
      newest = undefined;
      let read: Read<T>;
      try {
        const decoded = decodeRead(wasm, raw, this.#law);
        if (decoded.mergeError !== undefined) report(decoded.mergeError);
        read = decoded.read;
      } catch (error) {
        report(error);
        return;
      }
      call(listener, read);
    });
    const onRead: Callback<RawRead> = (raw, failure) => {
      if (raw !== undefined) {
        newest = raw;
        tellSoon();
      } else if (failure?.code !== "closed") {
        report(errorFrom(failure));
      }
    };
    const request = attempt(() => peer.watch(this.name, key, onRead));
    return () => {
      if (!watching) return;
      watching = false;
      peer.cancel(request);
    };
  }

  async keys(options?: ReadOptions & { prefix?: string }): Promise<Outcome & { readonly keys: readonly string[] }> {
    const prefix = options?.prefix ?? "";
    this.#check("keys", prefix, options, keysOptions);
    return this.#ask((peer, onKeys) => peer.keys(this.name, prefix, options?.level, options?.timeoutMs, onKeys));
  }

  async #updateNow(
    key: string,
    change: (value: T | undefined, siblings: T[]) => T,
    options: WriteOptions | undefined,
  ): Promise<Receipt> {
    // Who writes locally does not want to wait for others before, either.
    const level: Level | undefined = options?.level === "local" ? "local" : undefined;
    const raw = await this.#ask<RawRead>((peer, onRead) => peer.get(this.name, key, level, options?.timeoutMs, onRead));
    const { value, siblings } = decodeForChange(this.#behind.wasm, raw, this.#law);
    const changed = changedBy(change, value, siblings);
    return this.#put(key, changed, raw.context as Context, options);
  }

  async #put(key: string, value: T, context: Context | undefined, options: WriteOptions | undefined): Promise<Receipt> {
    const { peer } = this.#open();
    const { level, timeoutMs, ttlMs } = options ?? {};
    const raw = { type: this.type, ttlMs, context, level, timeoutMs };
    return firstReceipt(peer, (onReceipt) => attempt(() => peer.put(this.name, key, value, raw, onReceipt)));
  }

  get #law(): Law<T> {
    return { type: this.type, merge: this.#merge };
  }

  #ask<A>(ask: (peer: PeerHandle, onAnswer: Callback<A>) => number): Promise<A> {
    const { peer } = this.#open();
    return new Promise((resolve, reject) => {
      attempt(() =>
        ask(peer, (answer, failure) => {
          if (answer === undefined) reject(errorFrom(failure));
          else resolve(answer);
        }),
      );
    });
  }

  #open(): Behind {
    if (this.#behind.isClosed()) throw closed();
    return this.#behind;
  }

  #check(method: string, key: unknown, options: ReadOptions | undefined, known: readonly string[]): void {
    checkText(`${method}: ${method === "keys" ? "prefix" : "key"}`, key);
    checkOptions(method, options, known);
    checkLevel(`${method}: level`, options?.level);
    checkTimeout(`${method}: timeoutMs`, options?.timeoutMs);
    attempt(() => this.#behind.wasm.checkKey(this.name, key));
  }
}

function checkWrite(method: string, options: PutOptions | undefined): void {
  checkTtl(`${method}: ttlMs`, options?.ttlMs);
  if (options?.context !== undefined) checkText(`${method}: context`, options.context);
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
