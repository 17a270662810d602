// What can be done to the room, each as one act in the words of scenario files. Panels and keyboard share them.
import { createSignal } from "solid-js";
import type { LabNode, Level } from "./contract";
import type { Desk } from "./desk";
import { freeName } from "./rooms";

export function createVerbs(desk: Desk) {
  // Which link is acted on: kept here, so that it is the same one after a look at another panel.
  const [first, setFirst] = createSignal<string>();
  const [second, setSecond] = createSignal<string>();
  const chosen = () => desk.nodeOf(desk.node());

  /** Says so if no node is chosen, instead of doing nothing. */
  function withChosen(does: (node: LabNode) => void) {
    const node = chosen();
    if (node === undefined) desk.troubles.report("Acting on a node", new Error("Choose a node on the ring first."));
    else does(node);
  }

  const crash = (name: string) => desk.act(`Killing ${name}`, { crash: name });
  const start = (name: string) => desk.act(`Starting ${name}`, { open: name });
  const close = (name: string) => desk.act(`Closing ${name}`, { close: name });
  const leave = (name: string) => desk.act(`Letting ${name} leave`, { leave: name });
  const freeze = (node: LabNode) =>
    desk.act(node.frozen ? `Thawing ${node.name}` : `Freezing ${node.name}`, {
      [node.frozen ? "resume" : "freeze"]: node.name,
    });
  const fill = (node: LabNode) =>
    desk.act(node.diskFull ? `Freeing the disk of ${node.name}` : `Filling the disk of ${node.name}`, {
      [node.diskFull ? "free_disk" : "full_disk"]: node.name,
    });

  /** A database can be deleted only while its tab is closed: a living node is killed first. */
  function wipe(node: LabNode) {
    if (node.open) crash(node.name);
    return desk.act(`Wiping ${node.name}`, { wipe: node.name });
  }

  /** A newcomer with a name that nobody has, on a device of its own. */
  function add() {
    const taken = new Set(desk.told().nodes.map((node) => node.name));
    const name = freeName(taken);
    const capacity = desk.told().nodes[0]?.capacity ?? 32;
    const device = `device of ${name}`;
    desk.act(`Adding ${name}`, { join: { name, device, capacity, open: true } });
  }

  const stopOrStart = () => withChosen((node) => void (node.open ? crash(node.name) : start(node.name)));

  return {
    chosen,
    link: { first, setFirst, second, setSecond },
    crash,
    start,
    close,
    leave,
    wipe,
    freeze,
    fill,
    add,
    /** It has so many tokens from now on: what it owns changes hands. */
    weigh: (name: string, tokens: number) =>
      desk.act(`Giving ${name} ${tokens} tokens`, { capacity: { tab: name, tokens } }),
    cut: (a: string, b: string) => desk.act(`Cutting ${a} from ${b}`, { cut: [a, b] }),
    mend: (a: string, b: string) => desk.act(`Mending what was cut between ${a} and ${b}`, { mend: [a, b] }),
    hangUp: (a: string, b: string) => desk.act(`Closing the link of ${a} and ${b}`, { hang_up: [a, b] }),
    part: (groups: readonly (readonly string[])[]) => desk.act("Cutting the room in two", { partition: groups }),
    /** Requests that come by themselves, one every so many milliseconds; 0 ends them. */
    load: (every: number) => desk.act("Setting the load", { load: { every } }),
    heal: () => desk.act("Healing the network", "heal"),
    drop: (id: number) => {
      desk.act("Dropping the message", { drop: id });
      desk.setMessage(undefined);
    },
    delay: (id: number, ms: number) => desk.act("Delaying the message", { delay: { message: id, ms } }),
    put: (tab: string, key: string, value: string, level: Level) =>
      desk.act(`Writing ${key} at ${tab}`, { put: { tab, key, value, level } }),
    get: (tab: string, key: string, level: Level) => desk.act(`Reading ${key} at ${tab}`, { get: { tab, key, level } }),
    remove: (tab: string, key: string, level: Level) =>
      desk.act(`Deleting ${key} at ${tab}`, { delete: { tab, key, level } }),
    stopOrStart,
    wipeChosen: () => withChosen((node) => void wipe(node)),
    freezeChosen: () => withChosen((node) => void freeze(node)),
    seeAs: () => withChosen((node) => desk.setSeenFrom(desk.seenFrom() === node.name ? undefined : node.name)),
    fork: () => {
      const done = desk.attempt("Forking", desk.histories.fork);
      if (done === false) {
        desk.troubles.report("Forking", new Error("There are as many histories as fit; close one first."));
      }
    },
  };
}
export type Verbs = ReturnType<typeof createVerbs>;

/** Those that sit at the table, open or not. */
export function seated(desk: Desk): readonly LabNode[] {
  return desk.told().nodes.filter((node) => node.status !== "departed" || node.open);
}
