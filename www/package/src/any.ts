// What buckets of all types have in common: keys, over the node's requests.
import { call, coalesced, report } from "./callbacks.js";
import { attempt, closed, errorFrom, invalid } from "./error.js";
import { decodeRead, type Law } from "./read.js";
import { firstReceipt } from "./receipt.js";
import type { BucketType, Callback, PeerHandle, RawKept, RawRead, RawReceipt } from "./roundtable_web.js";
import type { AnyBucket, Outcome, PutOptions, Read, ReadOptions, Receipt } from "./types.js";
import { checkFunction, checkLevel, checkOptions, checkText, checkTimeout, checkTtl } from "./validate.js";
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
    const { peer, wasm } = this.open();
    let watching = true;
    let newest: RawRead | undefined;
    const tellSoon = coalesced(() => {
      const raw = newest;
      if (!watching || raw === undefined) return;
      newest = undefined;
      let read: Read<V>;
      try {
        const decoded = decodeRead(wasm, raw, this.law);
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
