// Receipts: the state of one write at one moment, each frozen; what follows them is its Progress.
//
// A receipt goes on rising after `put` has resolved, perhaps for hours, and most applications never look. So the wasm's
// callback holds the progress weakly as soon as the application has its receipt: when nobody holds a receipt and nobody
// listens, it is collected, and the node is told to let the request go. The write itself goes on.
import { call, coalesced } from "./callbacks.js";
import { errorFrom } from "./error.js";
import type { Callback, PeerHandle, RawReceipt } from "./roundtable_web.js";
import type { Context, Receipt } from "./types.js";

type Fields = Omit<Receipt, "onProgress">;

class ReceiptState implements Receipt {
  declare readonly context: Context;
  declare readonly requested: Receipt["requested"];
  declare readonly needed: number;
  declare readonly met: boolean;
  declare readonly reached: Receipt["reached"];
  declare readonly owners: readonly string[];
  declare readonly fallbacks: readonly string[];
  declare readonly devices: number;
  declare readonly ended: Receipt["ended"];
  readonly #progress: Progress;

  constructor(fields: Fields, progress: Progress) {
    Object.assign(this, fields);
    this.#progress = progress;
    Object.freeze(this);
  }

  onProgress(listener: (receipt: Receipt) => void): () => void {
    return this.#progress.follow(this, listener);
  }
}

/** Those that somebody follows: a listener alone keeps a receipt rising. */
const followed = new Set<Progress>();

class Progress {
  #latest: Receipt | undefined;
  readonly #followers = new Set<{ readonly tell: (receipt: Receipt) => void }>();

  get latest(): Receipt | undefined {
    return this.#latest;
  }

  rise(fields: Fields): Receipt {
    const receipt = new ReceiptState(fields, this);
    this.#latest = receipt;
    for (const follower of [...this.#followers]) follower.tell(receipt);
    if (receipt.ended !== undefined) this.#letGo();
    return receipt;
  }

  follow(from: Receipt, listener: (receipt: Receipt) => void): () => void {
    const untold = [from];
    if (this.#latest !== undefined && this.#latest !== from) untold.push(this.#latest);
    let listening = true;
    const tellSoon = coalesced(() => {
      while (listening) {
        const receipt = untold.shift();
        if (receipt === undefined) break;
        call(listener, receipt);
      }
    });
    const follower = {
      tell: (receipt: Receipt) => {
        untold.push(receipt);
        tellSoon();
      },
    };
    if (this.#latest?.ended === undefined) {
      this.#followers.add(follower);
      followed.add(this);
    }
    tellSoon();
    return () => {
      listening = false;
      this.#followers.delete(follower);
      if (this.#followers.size === 0) followed.delete(this);
    };
  }

  #letGo(): void {
    this.#followers.clear();
    followed.delete(this);
  }
}

const forgotten = new FinalizationRegistry<() => void>((letGo) => letGo());

/** Ask for a write; its first receipt, or why there is none. */
export function firstReceipt(peer: PeerHandle, ask: (onReceipt: Callback<RawReceipt>) => number): Promise<Receipt> {
  return new Promise((resolve, reject) => {
    let strong: Progress | undefined = new Progress();
    const weak = new WeakRef(strong);
    let over = false;
    const request = ask((raw, failure) => {
      const progress = strong ?? weak.deref();
      if (raw === undefined) {
        over = true;
        const latest = progress?.latest;
        if (latest === undefined) reject(errorFrom(failure));
        else progress?.rise({ ...fieldsOf(latest), ended: "closed" });
      } else if (progress !== undefined) {
        over = raw.ended !== undefined;
        resolve(progress.rise({ ...raw, context: raw.context as Context }));
      }
      strong = undefined;
    });
    const progress = weak.deref();
    if (!over && progress !== undefined) forgotten.register(progress, () => peer.cancel(request));
  });
}

function fieldsOf(receipt: Receipt): Fields {
  const { context, requested, needed, met, reached, owners, fallbacks, devices, ended } = receipt;
  return { context, requested, needed, met, reached, owners, fallbacks, devices, ended };
}
