// One node as the application holds it.
import type { Behind } from "./any.js";
import { RegisterBucket } from "./bucket.js";
import { attempt, closed, errorFrom, invalid, RoundtableError } from "./error.js";
import { type Events, eventNames } from "./events.js";
import type { Merge } from "./read.js";
import type { BucketType, Failure, OnCondition, RawLeft } from "./roundtable_web.js";
import { NodeCounterBucket, NodeMapBucket, NodeSetBucket } from "./typed.js";
import type {
  Bucket,
  BucketOptions,
  CounterBucket,
  Held,
  Invite,
  KeepOptions,
  MapBucket,
  Member,
  Mesh,
  MeshEvents,
  Metrics,
  SetBucket,
  Storable,
  Token,
  Value,
  Vitals,
} from "./types.js";
import { checkFunction, checkOptions, checkText, checkTimeout, checkWhole, describe } from "./validate.js";

const readyTimeoutMs = 10_000;
const settledTimeoutMs = 30_000;
/** Beyond what setTimeout can count. */
const timeoutMsMax = 2 ** 31 - 1;

const types: readonly BucketType[] = ["siblings", "lww", "counter", "set", "map"];

type Opened<T> = RegisterBucket<T> | NodeCounterBucket | NodeSetBucket<T> | NodeMapBucket<T>;

export class NodeMesh implements Mesh {
  readonly id: string;
  readonly room: string;
  readonly #behind: Behind;
  readonly #events: Events;
  /** One a name. */
  readonly #buckets = new Map<string, { readonly type: BucketType }>();
  #closing: Promise<void> | undefined;

  constructor(room: string, behind: Omit<Behind, "isClosed">, events: Events) {
    this.id = behind.peer.id();
    this.room = room;
    this.#behind = { ...behind, isClosed: () => this.#closing !== undefined };
    this.#events = events;
    events.onProtocolHeard = (isHeard) => behind.peer.hearProtocol(isHeard);
  }

  bucket<T extends Storable<T> = Value>(name: string, options?: BucketOptions<T>): Bucket<T>;
  bucket(name: string, options: { type: "counter" } & KeepOptions): CounterBucket;
  bucket<T extends Storable<T> = Value>(name: string, options: { type: "set" } & KeepOptions): SetBucket<T>;
  bucket<T extends Storable<T> = Value>(name: string, options: { type: "map" } & KeepOptions): MapBucket<T>;
  bucket<T>(
    name: string,
    options: KeepOptions & { type?: BucketType; merge?: Merge<T> } = {},
  ): Bucket<T> | CounterBucket | SetBucket<T> | MapBucket<T> {
    checkText("bucket: name", name);
    checkOptions("bucket", options, ["type", "merge", "offline"]);
    const { type = "siblings", merge, offline } = options;
    if (!types.includes(type))
      throw invalid(`bucket: type must be ${types.map((known) => `"${known}"`).join(", ")}, not ${describe(type)}`);
    if (offline !== undefined && typeof offline !== "boolean")
      throw invalid(`bucket: offline must be true or false, not ${describe(offline)}`);
    if (merge !== undefined) {
      checkFunction("bucket: merge", merge);
      if (type !== "siblings")
        throw invalid(`bucket: a bucket of type "${type}" has only one value to show; leave merge out`);
    }
    attempt(() => this.#behind.wasm.checkKey(name, ""));
    const known = this.#buckets.get(name);
    if (known !== undefined && known.type !== type) {
      throw invalid(`bucket: "${name}" is already open with type "${known.type}"; one bucket has one type`);
    }
    // Whoever names a bucket says what is in it.
    const bucket = (known as Opened<T> | undefined) ?? this.#open<T>(name, type);
    this.#buckets.set(name, bucket);
    if (merge !== undefined && bucket instanceof RegisterBucket) bucket.merge = merge;
    if (offline !== undefined) bucket.keep(offline);
    return bucket;
  }

  #open<T>(name: string, type: BucketType): Opened<T> {
    switch (type) {
      case "counter":
        return new NodeCounterBucket(name, this.#behind);
      case "set":
        return new NodeSetBucket<T>(name, this.#behind);
      case "map":
        return new NodeMapBucket<T>(name, this.#behind);
      default:
        return new RegisterBucket<T>(name, type, this.#behind);
    }
  }

  members(): readonly Member[] {
    return this.#behind.peer.members();
  }

  preferenceList(
    bucket: string,
    key: string,
  ): { readonly owners: readonly string[]; readonly fallbacks: readonly string[] } {
    checkText("preferenceList: bucket", bucket);
    checkText("preferenceList: key", key);
    return attempt(() => this.#behind.peer.preferenceList(bucket, key));
  }

  metrics(): Metrics {
    return this.#behind.peer.metrics();
  }

  async ready(options?: { peers?: number; timeoutMs?: number }): Promise<void> {
    checkOptions("ready", options, ["peers", "timeoutMs"]);
    checkTimeout("ready: timeoutMs", options?.timeoutMs);
    const peers = options?.peers ?? 1;
    checkWhole("ready: peers", peers, 0, 1024);
    const late = `ready: not linked to ${peers} ${peers === 1 ? "other" : "others"}`;
    const ask = (onLinked: OnCondition) => this.#behind.peer.whenLinked(peers, onLinked);
    return this.#wait(ask, options?.timeoutMs ?? readyTimeoutMs, late);
  }

  async settled(options?: { timeoutMs?: number }): Promise<void> {
    checkOptions("settled", options, ["timeoutMs"]);
    checkTimeout("settled: timeoutMs", options?.timeoutMs);
    const late = "settled: something here still waits for another node";
    const ask = (onSettled: OnCondition) => this.#behind.peer.whenSettled(onSettled);
    return this.#wait(ask, options?.timeoutMs ?? settledTimeoutMs, late);
  }

  on<E extends keyof MeshEvents>(event: E, listener: (detail: MeshEvents[E]) => void): () => void {
    if (!eventNames.includes(event)) {
      throw invalid(`on: the events are ${eventNames.join(", ")}; there is no ${describe(event)}`);
    }
    checkFunction("on: listener", listener);
    return this.#events.on(event, listener);
  }

  async createInvite(): Promise<Invite> {
    if (this.#behind.isClosed()) throw closed();
    const { number, text } = await this.#carried(this.#behind.peer.createInvite());
    const complete = async (answer: string): Promise<void> => {
      checkText("complete: answer", answer);
      if (this.#behind.isClosed()) throw closed();
      await this.#carried(this.#behind.peer.completeInvite(number, answer));
    };
    return Object.freeze({ text, complete });
  }

  async acceptInvite(invite: string): Promise<string> {
    checkText("acceptInvite: invite", invite);
    if (this.#behind.isClosed()) throw closed();
    return this.#carried(this.#behind.peer.acceptInvite(invite));
  }

  async leave(options?: { timeoutMs?: number }): Promise<{ readonly handedOff: boolean }> {
    checkOptions("leave", options, ["timeoutMs"]);
    checkTimeout("leave: timeoutMs", options?.timeoutMs);
    if (this.#behind.isClosed()) throw closed();
    const left = await new Promise<RawLeft>((resolve, reject) => {
      attempt(() =>
        this.#behind.peer.leave(options?.timeoutMs, (answer, failure) => {
          if (answer !== undefined) resolve(answer);
          else reject(errorFrom(failure));
        }),
      );
    });
    // Closing a node that has departed deletes what it kept.
    if (left.handedOff) await this.close();
    return left;
  }

  close(): Promise<void> {
    this.#closing ??= this.#behind.peer.close();
    return this.#closing;
  }

  ring(): { readonly tokens: readonly Token[] } {
    return this.#behind.peer.ring();
  }

  position(bucket: string, key: string): number {
    checkText("position: bucket", bucket);
    checkText("position: key", key);
    return attempt(() => this.#behind.peer.position(bucket, key));
  }

  vitals(): readonly Vitals[] {
    return this.#behind.peer.vitals();
  }

  held(bucket: string, key: string): Held {
    checkText("held: bucket", bucket);
    checkText("held: key", key);
    const { wasm, peer } = this.#behind;
    const { versions, clock, heldFor } = attempt(() => peer.held(bucket, key));
    const decoded = versions.map(({ node, counter, payload }) =>
      Object.freeze({
        node,
        counter,
        ...(payload === undefined ? {} : { value: attempt(() => wasm.decode(payload, true)) as Value }),
      }),
    );
    return Object.freeze({ versions: Object.freeze(decoded), clock, heldFor });
  }

  pause(): void {
    this.#behind.peer.pause();
  }

  resume(): void {
    this.#behind.peer.resume();
  }

  isPaused(): boolean {
    return this.#behind.peer.isPaused();
  }

  relayed(): readonly string[] {
    return Object.freeze(attempt(() => this.#behind.peer.relayed()));
  }

  cut(id: string): void {
    checkText("cut: id", id);
    attempt(() => this.#behind.peer.cut(id));
  }

  uncut(id: string): void {
    checkText("uncut: id", id);
    attempt(() => this.#behind.peer.uncut(id));
  }

  async #carried<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (failure) {
      throw errorFrom(failure as Failure);
    }
  }

  #wait(ask: (onCondition: OnCondition) => number, timeoutMs: number, late: string): Promise<void> {
    if (this.#behind.isClosed()) throw closed();
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const wait = attempt(() =>
        ask((holds) => {
          clearTimeout(timer);
          if (holds) resolve();
          else reject(closed());
        }),
      );
      timer = setTimeout(
        () => {
          this.#behind.peer.noLonger(wait);
          reject(new RoundtableError("timeout", `${late} within ${timeoutMs} ms`));
        },
        Math.min(timeoutMs, timeoutMsMax),
      );
    });
  }
}
