// What the parts of the lab's page share: the state of the history that is looked at, what is chosen in it, and the
// few verbs with which a part acts on it.
//
// The parts do not know each other. Each frame asks the lab once; what is drawn each frame (messages, the time) is
// kept apart from what tables and words are made of, which change a few times a second at most.
import { batch, createEffect, createMemo, createSignal } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import { createTroubles } from "../peer/trouble";
import { type Arc, arcsOf, type KeyWay, type Seat, seatsOf, walk } from "../ring/model";
import { createClock } from "./clock";
import type { KeyName, LabClass, LabNode, Member, Setup, State, Token, View } from "./contract";
import { createHistories } from "./histories";

export const panels = ["act", "key", "nodes", "time", "log", "figures"] as const;
export type Panel = (typeof panels)[number];

const wordsEveryMs = 120; // tables and sentences, while time runs
const costShare = 4; // asking for the state may take a quarter of the time at most
const stopsMax = 200;

/** What tables and words are made of: the state without what would be too much to compare each time. */
export type Told = Omit<State, "tokens" | "messages" | "now">;

const nothing: Told = {
  end: 0,
  trace: "",
  ring: "",
  first: 0,
  next: 0,
  note: null,
  nodes: [],
  members: [],
  links: [],
  cuts: [],
  key: null,
  requests: [],
  metrics: { hints: 0, bytesPerSecond: {}, p50Ms: {}, p99Ms: {}, movedKeys: { ring: 0, mod: 0, of: 1 } },
  violation: null,
};

export function createDesk(labs: LabClass) {
  const troubles = createTroubles();
  const histories = createHistories();
  const [now, setNow] = createSignal(0);
  const [told, setTold] = createStore<{ state: Told }>({ state: nothing });
  const [tokens, setTokens] = createSignal<readonly Token[]>([]);
  const [messages, setMessages] = createSignal<State["messages"]>([]);
  const [seenFrom, setSeenFrom] = createSignal<string>();
  const [key, setKey] = createSignal<KeyName>({ bucket: "kv", key: "alice" });
  const [lit, setLit] = createSignal<string>(); // an id: under the pointer or focused
  const [node, setNode] = createSignal<string>(); // a name: chosen to be acted on
  const [message, setMessage] = createSignal<number>();
  const [panel, setPanel] = createSignal<Panel>("act");
  const [request, setRequest] = createSignal<number>();
  const [happened, setHappened] = createSignal<string>(); // what the last single step was
  const [setup, setSetup] = createSignal<Setup>();
  const [version, setVersion] = createSignal(0); // grows whenever words may have changed
  let askedAt = 0;
  let wordsAt = 0;
  let cost = 0;
  let violated = false;
  let done = 0;
  let ring = "";
  let stops: number[] = [];

  const clock = createClock({
    lab: histories.lab,
    passed: () => {
      if (performance.now() - askedAt < cost * costShare) return false;
      return refresh(false);
    },
    stopped: () => {
      refresh(true);
      remember();
    },
    failed: (doing, error) => troubles.report(doing, error),
  });

  const viewNow = (): View => {
    const from = seenFrom();
    return { key: key(), ring, ...(from === undefined ? {} : { seenFrom: from }) };
  };

  /** Asks the lab how things stand. True if a checker has just found something broken. */
  function refresh(words: boolean): boolean {
    const lab = histories.lab();
    if (lab === undefined) return false;
    const began = performance.now();
    let next: State;
    try {
      next = JSON.parse(lab.state(JSON.stringify(viewNow())));
    } catch (error) {
      troubles.report("Looking at the room", error);
      clock.pause();
      return false;
    }
    const isNew = next.violation !== null && next.violation !== undefined && !violated;
    violated = next.violation !== null && next.violation !== undefined;
    batch(() => {
      setNow(next.now);
      if (next.tokens !== null && next.tokens !== undefined) {
        ring = next.ring;
        setTokens(next.tokens);
      }
      setMessages(next.messages);
      if (words || isNew || began - wordsAt >= wordsEveryMs) {
        wordsAt = began;
        const { tokens: _tokens, messages: _messages, now: _now, ...rest } = next;
        setTold("state", reconcile({ ...nothing, ...rest }, { key: "id" }));
        setVersion((before) => before + 1);
      }
    });
    askedAt = performance.now();
    cost = askedAt - began;
    return isNew;
  }

  /** What a step was is said until time goes on otherwise. */
  createEffect(() => {
    if (clock.playing() || clock.goal() !== undefined) setHappened(undefined);
  });

  function remember() {
    const at = histories.lab()?.now();
    if (at === undefined) return;
    stops = [...stops.filter((stop) => stop < at), at].slice(-stopsMax);
  }

  /** Does something to the lab, shows what came of it, and says what went wrong. */
  function attempt<T>(doing: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      troubles.report(doing, error);
      return undefined;
    } finally {
      refresh(true);
    }
  }

  /** One act in the words of scenario files. The request that it began, if it did. */
  function act(doing: string, step: unknown): { request?: number } | undefined {
    const lab = histories.lab();
    if (lab === undefined) return undefined;
    const came = attempt(doing, (): { request?: number } => JSON.parse(lab.act(JSON.stringify(step))));
    if (came?.request !== undefined) setRequest(came.request);
    done++;
    remember();
    return came;
  }

  function seek(ms: number) {
    clock.cancel();
    setHappened(undefined);
    const lab = histories.lab();
    if (lab !== undefined) attempt("Winding time", () => lab.seek(Math.max(0, Math.min(ms, lab.end()))));
  }

  /** To the moment before this one at which time stood still. */
  function back() {
    const at = now();
    const before = stops.filter((stop) => stop < at).at(-1) ?? 0;
    seek(before);
  }

  /** One happening: a message arrives, a timer fires, a disk is done. */
  function step() {
    clock.pause();
    const lab = histories.lab();
    if (lab === undefined) return;
    const happened = attempt("Taking a step", () => lab.step());
    if (happened === undefined) {
      troubles.report("Taking a step", new Error("Nothing more is going to happen here."));
    } else setHappened(textOf(happened));
    remember();
  }

  /** Another room, or the same from its start. */
  function open(doing: string, make: () => InstanceType<LabClass>, from: Setup | undefined): boolean {
    clock.cancel();
    try {
      histories.begin(make());
    } catch (error) {
      troubles.report(doing, error);
      return false;
    }
    stops = [0];
    violated = false;
    ring = "";
    batch(() => {
      setSetup(from);
      setSeenFrom(undefined);
      setNode(undefined);
      setMessage(undefined);
      setRequest(undefined);
      setLit(undefined);
    });
    refresh(true);
    return true;
  }

  /** Everybody who sits here, believed in or not: a closed node keeps its chair, so that nobody else moves. */
  const seats = createMemo<readonly Seat[]>(() => {
    const members = copyOf(told.state.members);
    const known = new Set(members.map((member) => member.id));
    const others = told.state.nodes.filter((other) => !known.has(other.id) && other.status !== "departed");
    return seatsOf([...members, ...others.map(strangerOf)]);
  });
  const arcs = createMemo<readonly Arc[]>(() => arcsOf(tokens()));
  const nodesById = createMemo(() => new Map<string, LabNode>(told.state.nodes.map((known) => [known.id, known])));
  const nodesByName = createMemo(() => new Map<string, LabNode>(told.state.nodes.map((known) => [known.name, known])));
  const idOf = (name: string) => nodesByName().get(name)?.id ?? name;
  const nameOf = (id: string) => nodesById().get(id)?.name ?? id;

  const way = createMemo<KeyWay | undefined>(() => {
    const at = told.state.key;
    if (at === null || at === undefined || tokens().length === 0) return undefined;
    const owners = at.owners.map(idOf);
    return {
      bucket: at.bucket,
      key: at.key,
      position: at.position,
      owners,
      fallbacks: at.fallbacks.map(idOf),
      steps: walk(tokens(), at.position, owners),
    };
  });

  const look = (change: () => void) => {
    batch(change);
    refresh(true);
  };

  return {
    labs,
    troubles,
    histories,
    clock,
    now,
    told: () => told.state,
    version,
    happened,
    /** Grows with each act. */
    deeds: () => done,
    tokens,
    messages,
    seats,
    arcs,
    way,
    idOf,
    nameOf,
    nodeOf: (name: string | undefined) => (name === undefined ? undefined : nodesByName().get(name)),
    seenFrom,
    setSeenFrom: (name: string | undefined) => look(() => setSeenFrom(name)),
    key,
    setKey: (next: KeyName) => look(() => setKey(next)),
    lit,
    setLit,
    node,
    setNode,
    message,
    setMessage,
    panel,
    setPanel,
    request,
    setRequest,
    setup,
    refresh: () => refresh(true),
    act,
    attempt,
    seek,
    back,
    step,
    open,
  };
}
export type Desk = ReturnType<typeof createDesk>;

/** A happening tells itself in a line for people. */
function textOf(happening: string): string {
  const told: unknown = JSON.parse(happening);
  const text = typeof told === "object" && told !== null && "text" in told ? String(told.text) : "something happened";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** A node that whoever is asked does not believe in. */
function strangerOf(node: LabNode): Member {
  return {
    id: node.id,
    device: node.device,
    label: node.name,
    capacity: node.capacity,
    status: "dormant",
    self: false,
    linked: false,
    owns: 0,
    disk: node.diskFull ? "full" : "sound",
  };
}

/** A copy that the store does not follow, so that what is derived is made anew at once and not member by member. */
function copyOf<T extends object>(list: readonly T[]): T[] {
  return list.map((item) => ({ ...item }));
}
