// The events of a mesh: told in order, after whatever caused them has returned.
import { call, coalesced } from "./callbacks.js";
import type { Sink } from "./roundtable_web.js";
import type { MeshEvents } from "./types.js";

type Name = keyof MeshEvents;
type Listener<E extends Name> = (detail: MeshEvents[E]) => void;

/** How many "storage" events wait for a first listener. Whoever never listens is told of the first troubles only. */
const unheardMax = 16;

export const eventNames: readonly string[] = [
  "member",
  "link",
  "protocol",
  "storage",
  "rendezvous",
] satisfies readonly Name[];

export class Events {
  readonly #listeners: { [E in Name]: Set<{ readonly listener: Listener<E> }> } = {
    member: new Set(),
    link: new Set(),
    protocol: new Set(),
    storage: new Set(),
    rendezvous: new Set(),
  };
  #waiting: (() => void)[] = [];
  #unheard: MeshEvents["storage"][] = [];
  readonly #tellSoon = coalesced(() => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const tell of waiting) tell();
  });

  /** Told whether anybody listens to "protocol" whenever that changes: its events are made for listeners only. */
  onProtocolHeard: (isHeard: boolean) => void = () => {};

  readonly sink: Sink = (name, detail) => {
    this.#soon(() => this.#tell(name, detail));
  };

  on<E extends Name>(name: E, listener: Listener<E>): () => void {
    // An entry of its own, so that the same function may listen twice and each end is one end.
    const entry = { listener };
    this.#listeners[name].add(entry);
    if (name === "protocol") this.onProtocolHeard(true);
    if (name === "storage" && this.#unheard.length > 0) {
      const unheard = this.#unheard;
      this.#unheard = [];
      this.#soon(() => {
        for (const detail of unheard) this.#tell("storage", detail);
      });
    }
    return () => {
      this.#listeners[name].delete(entry);
      if (name === "protocol") this.onProtocolHeard(this.#listeners.protocol.size > 0);
    };
  }

  #soon(tell: () => void): void {
    this.#waiting.push(tell);
    this.#tellSoon();
  }

  #tell<E extends Name>(name: E, detail: MeshEvents[E]): void {
    const listeners = this.#listeners[name];
    if (name === "storage" && listeners.size === 0 && this.#unheard.length < unheardMax) {
      this.#unheard.push(detail as MeshEvents["storage"]);
    }
    for (const entry of [...listeners]) if (listeners.has(entry)) call(entry.listener, detail);
  }
}
