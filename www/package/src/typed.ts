// Counters, sets and maps: what is done to them is told to the node, which makes one value of what all have done.
import { type Behind, checkWrite, KeyedBucket, putOptions, writeOptions } from "./any.js";
import { invalid } from "./error.js";
import type { Law } from "./read.js";
import type { EditKind } from "./roundtable_web.js";
import type { CounterBucket, MapBucket, PutOptions, Receipt, SetBucket, WriteOptions } from "./types.js";
import { checkText, describe } from "./validate.js";

abstract class EditedBucket<V> extends KeyedBucket<V> {
  protected get law(): Law<V> {
    return { type: this.type, merge: undefined };
  }

  protected edit(
    kind: EditKind,
    key: string,
    field: string | undefined,
    value: unknown,
    options: PutOptions | undefined,
  ): Promise<Receipt> {
    const { level, timeoutMs, ttlMs, context } = options ?? {};
    const raw = { ttlMs, context, level, timeoutMs };
    return this.write((peer, onReceipt) => peer.edit(this.name, key, kind, field, value, raw, onReceipt));
  }

  protected checkEdit(method: string, key: unknown, options: PutOptions | undefined, removes: boolean): void {
    this.check(method, key, options, removes ? putOptions : writeOptions);
    checkWrite(method, options);
    if (removes && options?.ttlMs !== undefined) {
      throw invalid(`${method}: ttlMs is for what is kept; what takes something away keeps nothing that could expire`);
    }
  }
}

export class NodeCounterBucket extends EditedBucket<number> implements CounterBucket {
  constructor(name: string, behind: Behind) {
    super(name, "counter", behind);
  }

  async add(key: string, by: number = 1, options?: WriteOptions): Promise<Receipt> {
    this.checkEdit("add", key, options, false);
    if (typeof by !== "number" || !Number.isFinite(by)) {
      throw invalid(`add: by must be a finite number, not ${describe(by)}`);
    }
    return this.edit("add", key, undefined, by, options);
  }
}

export class NodeSetBucket<T> extends EditedBucket<T[]> implements SetBucket<T> {
  constructor(name: string, behind: Behind) {
    super(name, "set", behind);
  }

  async add(key: string, item: T, options?: WriteOptions): Promise<Receipt> {
    this.checkEdit("add", key, options, false);
    return this.edit("insert", key, undefined, item, options);
  }

  async remove(key: string, item: T, options?: PutOptions): Promise<Receipt> {
    this.checkEdit("remove", key, options, true);
    return this.edit("remove", key, undefined, item, options);
  }
}

export class NodeMapBucket<T> extends EditedBucket<Record<string, T>> implements MapBucket<T> {
  constructor(name: string, behind: Behind) {
    super(name, "map", behind);
  }

  async set(key: string, field: string, value: T, options?: WriteOptions): Promise<Receipt> {
    this.checkEdit("set", key, options, false);
    checkText("set: field", field);
    return this.edit("set", key, field, value, options);
  }

  async unset(key: string, field: string, options?: PutOptions): Promise<Receipt> {
    this.checkEdit("unset", key, options, true);
    checkText("unset: field", field);
    return this.edit("unset", key, field, undefined, options);
  }

  protected override get law(): Law<Record<string, T>> {
    return { ...super.law, shape: withoutPrototype };
  }
}

/** A field may have any name, `toString` too: none is inherited. */
function withoutPrototype<T>(record: Record<string, T>): Record<string, T> {
  const bare: Record<string, T> = Object.create(null);
  for (const [name, value] of Object.entries(record)) bare[name] = value;
  return Object.freeze(bare);
}
