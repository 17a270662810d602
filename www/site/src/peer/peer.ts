// This tab as a peer: joins the room, holds what it believes, and lets go again. The page's only state machine.
//
//   loading → joining → here → (another room or label) → joining …        any of them → failed, with a sentence
//                        here → left, for good; joining again comes back as somebody new
//
// One join runs at a time: a new wish aborts the one under way and closes the old mesh first, so that joining again
// gets the same identity back. A downgrade to memory storage happens only where the browser leaves no choice, or when
// asked for.
import { createSignal, onCleanup } from "solid-js";
import { type Basket, basketBucket, unionOfItems } from "./basket";
import { createJournal, sentenceOf } from "./journal";
import {
  abilities,
  loadPackage,
  type Member,
  type Mesh,
  type Package,
  type StorageChoice,
  type Token,
  type Value,
} from "./package";
import {
  addressOf,
  addressProblem,
  boardAddress,
  keepLabel,
  type Place,
  placeFromAddress,
  type Sight,
  sessionLabel,
  sightInAddress,
} from "./place";
import { createTroubles, describe } from "./trouble";

export type PlainBucket = ReturnType<typeof plainBucket>;
export type BasketBucket = ReturnType<typeof basketsOf>;

export type Phase =
  | { readonly is: "loading" }
  | { readonly is: "joining" }
  | { readonly is: "here" }
  | { readonly is: "left" }
  | {
      readonly is: "failed";
      readonly step: "load" | "join";
      readonly code: string | undefined;
      readonly message: string;
    };

export interface Joined {
  readonly mesh: Mesh;
  readonly carts: BasketBucket;
  readonly kv: PlainBucket;
}

/** What this tab believes about the room, at one moment. */
export interface Belief {
  readonly members: readonly Member[];
  readonly tokens: readonly Token[];
}
const nothing: Belief = { members: [], tokens: [] };

export const plainBucketName = "kv";
const beliefPollMs = 1000;

declare global {
  interface Window {
    /** For the console and for tests; see the page's foot. */
    roundtable?: Joined;
  }
}

function basketsOf(mesh: Mesh) {
  return mesh.bucket<Basket>(basketBucket, { merge: unionOfItems });
}
function plainBucket(mesh: Mesh, name: string) {
  return mesh.bucket<Value>(name);
}

export function createPeer() {
  const able = abilities();
  const troubles = createTroubles();
  const journal = createJournal();
  const [phase, setPhase] = createSignal<Phase>({ is: "loading" });
  const [joined, setJoined] = createSignal<Joined>();
  const [belief, setBelief] = createSignal<Belief>(nothing);
  const [place, setPlace] = createSignal<Place>(placeFromAddress());
  const [label, setLabel] = createSignal(sessionLabel());
  const [storage, setStorage] = createSignal<StorageChoice>(able.storage);
  const [sight, setSight] = createSignal<Sight>(sightInAddress());
  const [linkProblem, setLinkProblem] = createSignal(addressProblem());
  const [paused, setPaused] = createSignal(false);
  const [cuts, setCuts] = createSignal<ReadonlySet<string>>(new Set());
  const [relayed, setRelayed] = createSignal<ReadonlySet<string>>(new Set());
  const [introducers, setIntroducers] = createSignal<ReadonlyMap<string, boolean>>(new Map());

  let loaded: Package | undefined;
  let wish = 0;
  let abort = new AbortController();
  let before: Promise<void> = Promise.resolve();
  let stopListening: () => void = () => {};

  let drawnShape: string | undefined;

  const nameOf = (id: string) =>
    belief().members.find((member) => member.id === id)?.label || (id.length > 16 ? id.slice(0, 6) : id);

  function believe(mesh: Mesh) {
    const now = mesh.relayed();
    if (now.length !== relayed().size || now.some((id) => !relayed().has(id))) setRelayed(new Set(now));
    const members = mesh.members();
    // The same array until something in it changes, says the contract; so this costs nothing when nothing happened.
    if (members === belief().members) return;
    const shape = shapeOf(members);
    setBelief({ members, tokens: belief().tokens }); // who is here does not wait for the drawing
    if (shape === drawnShape) return;
    setBelief({ members, tokens: mesh.ring().tokens });
    drawnShape = shape;
  }

  function listen(mesh: Mesh): () => void {
    const guarded = () => {
      try {
        believe(mesh);
      } catch (error) {
        troubles.report("Looking at the ring", error);
      }
    };
    const stops = [
      mesh.on("member", ({ member, previous }) => {
        guarded();
        const who = member.self ? "This tab" : member.label || member.id.slice(0, 6);
        if (previous === undefined) journal.note("member", () => `${who} is here (${member.status})`);
        else if (previous !== member.status) journal.note("member", () => `${who}: ${previous} → ${member.status}`);
      }),
      mesh.on("link", ({ id, open, via }) => {
        guarded();
        journal.note("link", (nameOf) =>
          open ? `Linked to ${nameOf(id)}, introduced through ${introducer[via]}` : `Link to ${nameOf(id)} closed`,
        );
      }),
      mesh.on("protocol", (event) => {
        if (event.kind.toLowerCase() !== "member") journal.note("protocol", (nameOf) => sentenceOf(event, nameOf));
      }),
      mesh.on("rendezvous", ({ url, connected }) => {
        setIntroducers((map) => new Map(map).set(url, connected));
        journal.note("rendezvous", () =>
          connected ? `Rendezvous reached: ${url}` : `Rendezvous gone: ${url}. The mesh goes on without it.`,
        );
      }),
      mesh.on("storage", ({ problem, message }) => {
        journal.note("storage", () => `${problem}: ${message}`);
        troubles.report(`Storage (${problem})`, message);
      }),
    ];
    const timer = window.setInterval(guarded, beliefPollMs);
    guarded();
    return () => {
      window.clearInterval(timer);
      for (const stop of stops) stop();
    };
  }

  async function letGo() {
    stopListening();
    stopListening = () => {};
    journal.follow(undefined, () => {});
    const old = joined();
    delete window.roundtable;
    setJoined(undefined);
    setBelief(nothing);
    drawnShape = undefined;
    setIntroducers(new Map());
    setPaused(false);
    setCuts(new Set<string>());
    if (old === undefined) return;
    await old.mesh.close().catch((error: unknown) => troubles.report("Leaving the room", error));
  }

  async function attempt(mine: number, signal: AbortSignal) {
    await letGo();
    if (mine !== wish) return;
    if (loaded === undefined) {
      setPhase({ is: "loading" });
      try {
        loaded = await loadPackage();
      } catch (error) {
        setPhase({ is: "failed", step: "load", ...describe(error) });
        return;
      }
    }
    if (mine !== wish) return;
    setPhase({ is: "joining" });
    try {
      const { room, secret } = place();
      const options = { room, label: label(), storage: storage(), signal, ...(secret === undefined ? {} : { secret }) };
      const mesh = await loaded.join(options);
      const here: Joined = { mesh, carts: basketsOf(mesh), kv: plainBucket(mesh, plainBucketName) };
      stopListening = listen(mesh);
      window.roundtable = here;
      setJoined(here);
      setPhase({ is: "here" });
      journal.follow(mesh, (error) => troubles.report("Reading the figures", error));
    } catch (error) {
      if (mine !== wish) return; // aborted by a newer wish, which now has its turn
      setPhase({ is: "failed", step: "join", ...describe(error) });
    }
  }

  function join() {
    abort.abort();
    abort = new AbortController();
    const mine = ++wish;
    const { signal } = abort;
    before = before.then(() => attempt(mine, signal)).catch((error: unknown) => void troubles.report("Joining", error));
  }

  /** Another room, or the same one seen otherwise. "hashchange" does the rest, as for a link. */
  function go(to: Place, as: Sight) {
    location.hash = new URL(as === "board" ? boardAddress(to) : addressOf(to)).hash;
  }
  /** Another room of this name, with the secret that this one has. */
  const moveTo = (room: string) => go({ ...place(), room }, sight());

  /** What a classroom does to this node alone. */
  function act(doing: string, work: (mesh: Mesh) => void) {
    const here = joined();
    if (here === undefined) return;
    try {
      work(here.mesh);
    } catch (error) {
      troubles.report(doing, error);
    }
  }
  const setStill = (still: boolean) =>
    act(still ? "Pausing" : "Resuming", (mesh) => {
      if (still) mesh.pause();
      else mesh.resume();
      setPaused(mesh.isPaused());
      journal.note("act", () => (still ? "This tab's node was paused" : "This tab's node goes on"));
    });
  const setCut = (id: string, cut: boolean) =>
    act(cut ? "Cutting a link" : "Mending a link", (mesh) => {
      if (cut) mesh.cut(id);
      else mesh.uncut(id);
      const now = new Set(cuts());
      if (cut) now.add(id);
      else now.delete(id);
      setCuts(now);
      journal.note("act", (nameOf) => `${cut ? "The link was cut to" : "The link may open again to"} ${nameOf(id)}`);
    });

  /** Leaves for good once others have everything; resolves with whether they do. If not, this tab is still a member. */
  async function leave(timeoutMs: number): Promise<boolean> {
    const here = joined();
    if (here === undefined) return false;
    journal.note("act", () => "This tab is leaving the room");
    const { handedOff } = await here.mesh.leave({ timeoutMs });
    if (handedOff && joined() === here) {
      ++wish; // a join that is under way has been overtaken
      await letGo();
      setPhase({ is: "left" });
    }
    return handedOff;
  }
  function rename(to: string) {
    setLabel(to);
    keepLabel(to);
    join();
  }
  function goOnInMemory() {
    setStorage("memory");
    join();
  }

  const onHash = () => {
    setSight(sightInAddress());
    setLinkProblem(addressProblem());
    const now = placeFromAddress();
    if (now.room === place().room && now.secret === place().secret) return;
    setPlace(now);
    join();
  };
  window.addEventListener("hashchange", onHash);
  onCleanup(() => {
    window.removeEventListener("hashchange", onHash);
    void letGo();
  });
  join();

  return {
    able,
    troubles,
    journal,
    phase,
    joined,
    belief,
    place,
    label,
    storage,
    introducers,
    sight,
    linkProblem,
    paused,
    relayed,
    cuts,
    nameOf,
    join,
    go,
    moveTo,
    setStill,
    setCut,
    leave,
    rename,
    goOnInMemory,
    /** One bucket per name; the cart's keeps its merge. */
    bucketNamed: (here: Joined, name: string): PlainBucket =>
      name === basketBucket
        ? (here.carts as unknown as PlainBucket)
        : name === plainBucketName
          ? here.kv
          : plainBucket(here.mesh, name),
  };
}
export type Peer = ReturnType<typeof createPeer>;

const introducer = {
  broadcast: "this browser",
  rendezvous: "the rendezvous",
  mesh: "the mesh itself",
  invite: "an invite",
} as const;

/** All that the tokens follow from: rumours and links may change without moving an arc, and arcs are dear to draw. */
function shapeOf(members: readonly Member[]): string {
  return members.map(({ id, capacity, status }) => `${id} ${capacity} ${status}`).join("|");
}
