// What the parts of the page share: the seats, the key that is looked at, the node under the pointer, the copies
// confirmed.
//
// The parts do not know each other. The cart says "look at this key" and the ring draws it; a receipt rises and the
// ring shows the copy arriving. Everything is derived from what this tab believes; nothing here is remembered
// elsewhere.
import { batch, createEffect, createMemo, createSignal, onCleanup } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import { basketBucket, basketKey } from "../peer/basket";
import type { Held, Receipt, Vitals } from "../peer/package";
import type { Peer } from "../peer/peer";
import { describe } from "../peer/trouble";
import { type KeyWay, type Seat, seatsOf, walk } from "../ring/model";
import { createTrips } from "../ring/trips";

const tickMs = 1000;

export interface Chosen {
  readonly bucket: string;
  readonly key: string;
}

export function createDesk(peer: Peer) {
  const [seats, setSeats] = createStore<Seat[]>([]);
  createEffect(() => setSeats(reconcile(seatsOf(peer.belief().members), { key: "id" })));

  const [chosen, setChosen] = createSignal<Chosen>({ bucket: basketBucket, key: basketKey });
  const [lit, setLit] = createSignal<string>();
  const [copies, setCopies] = createSignal<Chosen & { ids: readonly string[] }>();
  const trips = createTrips();

  const found = createMemo((): { way: KeyWay | undefined; problem: string | undefined } => {
    const here = peer.joined();
    const { tokens } = peer.belief();
    const { bucket, key } = chosen();
    if (here === undefined || tokens.length === 0) return { way: undefined, problem: undefined };
    try {
      const { owners, fallbacks } = here.mesh.preferenceList(bucket, key);
      const position = here.mesh.position(bucket, key);
      return {
        way: { bucket, key, position, owners, fallbacks, steps: walk(tokens, position, owners) },
        problem: undefined,
      };
    } catch (error) {
      return { way: undefined, problem: describe(error).message };
    }
  });

  // What is not told by an event is looked at each second, while somebody can see it.
  const [tick, setTick] = createSignal(0);
  const timer = window.setInterval(() => {
    if (!document.hidden) setTick((before) => before + 1);
  }, tickMs);
  onCleanup(() => window.clearInterval(timer));

  /** What lies in this very tab of the chosen key. */
  const held = createMemo((): Held | undefined => {
    tick();
    copies();
    const here = peer.joined();
    const { bucket, key } = chosen();
    if (here === undefined || found().way === undefined) return undefined;
    try {
      return here.mesh.held(bucket, key);
    } catch {
      return undefined; // closed a moment ago, or no key: `wayProblem` says so
    }
  });

  /** How each member is, by its own word. */
  const vitals = createMemo((): ReadonlyMap<string, Vitals> => {
    tick();
    return new Map(
      peer
        .joined()
        ?.mesh.vitals()
        .map((one) => [one.id, one]),
    );
  });

  /** The nodes known to have the chosen key's last write of this tab on disk. */
  const confirmed = createMemo((): readonly string[] => {
    const { bucket, key } = chosen();
    const last = copies();
    return last !== undefined && last.bucket === bucket && last.key === key ? last.ids : [];
  });

  /** Hands on each newer receipt and shows its copies arriving on the ring, until the returned function is called. */
  function follow(target: Chosen, receipt: Receipt, newer: (receipt: Receipt) => void): () => void {
    const told = new Set<string>();
    const show = (now: Receipt) => {
      const ids = [...now.owners, ...now.fallbacks];
      batch(() => {
        newer(now);
        setCopies({ ...target, ids });
      });
      const self = peer.joined()?.mesh.id;
      for (const id of ids) {
        if (told.has(id)) continue;
        told.add(id);
        if (id !== self) trips.tell({ to: id, arrival: false });
      }
    };
    show(receipt);
    return receipt.onProgress(show);
  }

  const nameOf = (id: string) => seats.find((seat) => seat.id === id)?.name ?? peer.nameOf(id);
  const deviceOf = (id: string) => seats.find((seat) => seat.id === id)?.device;
  const isSelf = (id: string) => id === peer.joined()?.mesh.id;

  /** Runs `start` for each mesh that this tab has, one after another; what it returns is called when that mesh goes. */
  function withMesh(start: (here: NonNullable<ReturnType<Peer["joined"]>>) => (() => void) | undefined) {
    createEffect(() => {
      const here = peer.joined();
      if (here === undefined) return;
      const stop = start(here);
      if (stop !== undefined) onCleanup(stop);
    });
  }

  return {
    peer,
    seats,
    chosen,
    look: setChosen,
    way: () => found().way,
    wayProblem: () => found().problem,
    lit,
    setLit,
    confirmed,
    held,
    vitals,
    tick,
    trips,
    follow,
    nameOf,
    deviceOf,
    isSelf,
    withMesh,
  };
}
export type Desk = ReturnType<typeof createDesk>;
