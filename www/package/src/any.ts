// What buckets of all types have in common: keys, over the node's requests.
import { call, coalesced, report } from "./callbacks.js";
import { attempt, closed, errorFrom, invalid } from "./error.js";
import { decodeRead, type Law } from "./read.js";
import { firstReceipt } from "./receipt.js";
import type { BucketType, Callback, PeerHandle, RawChange, RawKept, RawRead, RawReceipt } from "./roundtable_web.js";
import type { AnyBucket, Change, Outcome, PutOptions, Read, ReadOptions, Receipt } from "./types.js";
import { checkFunction, checkLevel, checkOptions, checkText, checkTimeout, checkTtl, describe } from "./validate.js";
import type { Wasm } from "./wasm.js";

export const readOptions = ["level", "timeoutMs"] as const;
export const writeOptions = ["level", "timeoutMs", "ttlMs"] as const;
export const putOptions = ["level", "timeoutMs", "ttlMs", "context"] as const;
const keysOptions = ["level", "timeoutMs", "prefix"] as const;

/** The node behind a mesh. */
export interface Behind {
  readonly wasm: Wasm;
  readonly peer: PeerHandle;
  readonly isClosed: () => boolean;
}

export abstract class KeyedBucket<V> implements AnyBucket<V> {
  readonly name: string;
  readonly type: BucketType;
  /** All of it is kept here: keys are listed from what this node has. */
  #isOffline = false;
  protected readonly behind: Behind;

  constructor(name: string, type: BucketType, behind: Behind) {
    this.name = name;
    this.type = type;
    this.behind = behind;
  }

  /** Keep all of it on this node, whoever owns it; or no longer what others own. */
  keep(offline: boolean): void {
    this.#isOffline = offline;
    if (this.behind.isClosed()) return;
    const { peer } = this.behind;
    const onKept: Callback<RawKept> = (_, failure) => {
      if (failure !== undefined && failure.code !== "closed") report(errorFrom(failure));
    };
    attempt(() => (offline ? peer.pin(this.name, onKept) : peer.unpin(this.name, onKept)));
  }

  /** What it makes of what a read found. */
  protected abstract get law(): Law<V>;

  async get(key: string, options?: ReadOptions): Promise<Read<V>> {
    this.check("get", key, options, readOptions);
    const raw = await this.ask<RawRead>((peer, onRead) =>
      peer.get(this.name, key, options?.level, options?.timeoutMs, onRead),
    );
    const { read, mergeError } = decodeRead(this.behind.wasm, raw, this.law);
    if (mergeError !== undefined) throw mergeError;
    return read;
  }

  async delete(key: string, options?: PutOptions): Promise<Receipt> {
    this.check("delete", key, options, putOptions);
    checkWrite("delete", options);
    if (options?.ttlMs !== undefined) throw invalid("delete: ttlMs is for values; a delete has none that could expire");
    return this.write((peer, onReceipt) =>
      peer.remove(this.name, key, options?.context, options?.level, options?.timeoutMs, onReceipt),
    );
  }

  watch(key: string, listener: (read: Read<V>) => void): () => void {
    this.check("watch", key, undefined, []);
    checkFunction("watch: listener", listener);
    let newest: RawRead | undefined;
    return this.#follow<RawRead>(
      (peer, onRead) => peer.watch(this.name, key, onRead),
      (raw) => {
        newest = raw;
      },
      () => {
        const raw = newest;
        newest = undefined;
        const read = raw && this.#decoded(raw);
        if (read !== undefined) call(listener, read);
      },
    );
  }

  watchAll(options: { prefix?: string }, listener: (changes: readonly Change<V>[]) => void): () => void {
    if (typeof options !== "object") throw invalid(`watchAll: options must be an object, not ${describe(options)}`);
    const prefix = options?.prefix ?? "";
    checkText("watchAll: prefix", prefix);
    checkOptions("watchAll", options, ["prefix"]);
    checkFunction("watchAll: listener", listener);
    attempt(() => this.behind.wasm.checkKey(this.name, prefix));
    // Of each key the newest state; an empty batch is told once, so that "empty" differs from "not yet".
    let changed = new Map<string, RawRead>();
    return this.#follow<readonly RawChange[]>(
      (peer, onChanges) => peer.watchAll(this.name, prefix, onChanges),
      (changes) => {
        for (const { key, read } of changes) changed.set(key, read);
      },
      () => {
        const changes: Change<V>[] = [];
        for (const [key, raw] of changed) {
          const read = this.#decoded(raw);
          if (read !== undefined) changes.push(Object.freeze({ key, read }));
        }
        changed = new Map();
        call(listener, Object.freeze(changes));
      },
    );
  }

  /** Take in what comes until it is cancelled, and tell of it at the end of the task. */
  #follow<A>(
    ask: (peer: PeerHandle, onAnswer: Callback<A>) => number,
    take: (answer: A) => void,
    tell: () => void,
  ): () => void {
    const { peer } = this.open();
    let following = true;
    const tellSoon = coalesced(() => {
      if (following) tell();
    });
    const onAnswer: Callback<A> = (answer, failure) => {
      if (answer !== undefined) {
        take(answer);
        tellSoon();
      } else if (failure?.code !== "closed") {
        report(errorFrom(failure));
      }
    };
    const request = attempt(() => ask(peer, onAnswer));
    return () => {
      if (!following) return;
      following = false;
      peer.cancel(request);
    };
  }

  /** What is read, or undefined and a report if it cannot be read here. */
  #decoded(raw: RawRead): Read<V> | undefined {
    try {
      const { read, mergeError } = decodeRead(this.behind.wasm, raw, this.law);
      if (mergeError !== undefined) report(mergeError);
      return read;
    } catch (error) {
      report(error);
      return undefined;
    }
  }

  async keys(options?: ReadOptions & { prefix?: string }): Promise<Outcome & { readonly keys: readonly string[] }> {
    const prefix = options?.prefix ?? "";
    this.check("keys", prefix, options, keysOptions);
    const level = options?.level ?? (this.#isOffline ? "local" : undefined);
    return this.ask((peer, onKeys) => peer.keys(this.name, prefix, level, options?.timeoutMs, onKeys));
  }

  protected ask<A>(ask: (peer: PeerHandle, onAnswer: Callback<A>) => number): Promise<A> {
    const { peer } = this.open();
    return new Promise((resolve, reject) => {
      attempt(() =>
        ask(peer, (answer, failure) => {
          if (answer === undefined) reject(errorFrom(failure));
          else resolve(answer);
        }),
      );
    });
  }

  /** Ask for a write, and follow it. */
  protected write(ask: (peer: PeerHandle, onReceipt: Callback<RawReceipt>) => number): Promise<Receipt> {
    const { peer } = this.open();
    return firstReceipt(peer, (onReceipt) => attempt(() => ask(peer, onReceipt)));
  }

  protected open(): Behind {
    if (this.behind.isClosed()) throw closed();
    return this.behind;
  }

  protected check(method: string, key: unknown, options: ReadOptions | undefined, known: readonly string[]): void {
    checkText(`${method}: ${method === "keys" ? "prefix" : "key"}`, key);
    checkOptions(method, options, known);
    checkLevel(`${method}: level`, options?.level);
    checkTimeout(`${method}: timeoutMs`, options?.timeoutMs);
    attempt(() => this.behind.wasm.checkKey(this.name, key));
  }
}

export function checkWrite(method: string, options: PutOptions | undefined): void {
  checkTtl(`${method}: ttlMs`, options?.ttlMs);
  if (options?.context !== undefined) checkText(`${method}: context`, options.context);
}
