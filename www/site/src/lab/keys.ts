// The keyboard, as one table: what is pressed, what it does, how the help says it.
//
// A presenter's remote sends Page Down and Page Up, "." and sometimes F5 or Escape: the first two turn a lesson's
// pages. Keys belong to fields while one is typed into, and to a dialog while it is open.
import { onCleanup } from "solid-js";
import { type Desk, panels } from "./desk";
import { goalOffers, runFor } from "./goals";
import type { Player } from "./player";

export interface KeyHelp {
  readonly keys: string;
  readonly does: string;
}

export const keyHelp: readonly KeyHelp[] = [
  { keys: "Space", does: "let time run, or pause it" },
  { keys: ".", does: "one happening further" },
  ...goalOffers.map((offer) => ({ keys: offer.key.toUpperCase(), does: `run until: ${offer.label.toLowerCase()}` })),
  { keys: "B", does: "back to where time stood before" },
  { keys: "Home / End", does: "to the beginning, to the furthest moment reached" },
  { keys: "← / →", does: "wind time by a hundredth of what there is" },
  { keys: "− / +", does: "slower, faster" },
  { keys: "Page Down / Page Up", does: "the lesson's next step, the one before (as a presenter's remote sends them)" },
  { keys: "1 … 6", does: "open a panel: act, key, nodes, space-time, log, figures" },
  { keys: "K / R / Z", does: "the chosen node: stop or start it, wipe it, freeze it" },
  { keys: "V", does: "see as the chosen node sees, or as all do" },
  { keys: "F", does: "fork: another history from here" },
  { keys: "L", does: "the lessons" },
  { keys: "?", does: "this help" },
  { keys: "Tab", does: "to the next control; each seat on the ring is one" },
];

export interface KeyActions {
  readonly help: () => void;
  readonly lessons: () => void;
  readonly stopOrStart: () => void;
  readonly wipe: () => void;
  readonly freeze: () => void;
  readonly seeAs: () => void;
  readonly fork: () => void;
}

export function listenToKeys(desk: Desk, player: Player, actions: KeyActions) {
  const wind = (way: 1 | -1) => desk.seek(desk.now() + way * Math.max(1, Math.round(desk.told().end / 100)));
  const table = new Map<string, () => void>([
    [" ", desk.clock.toggle],
    [".", desk.step],
    ["b", desk.back],
    ["Home", () => desk.seek(0)],
    ["End", () => desk.seek(desk.told().end)],
    ["ArrowLeft", () => wind(-1)],
    ["ArrowRight", () => wind(1)],
    ["-", () => desk.clock.faster(-1)],
    ["+", () => desk.clock.faster(1)],
    ["=", () => desk.clock.faster(1)],
    ["PageDown", player.next],
    ["PageUp", player.previous],
    ["k", actions.stopOrStart],
    ["r", actions.wipe],
    ["z", actions.freeze],
    ["v", actions.seeAs],
    ["f", actions.fork],
    ["l", actions.lessons],
    ["?", actions.help],
    ...goalOffers.map((offer): [string, () => void] => [offer.key, () => runFor(offer.name, desk)]),
    ...panels.map((panel, i): [string, () => void] => [String(i + 1), () => desk.setPanel(panel)]),
  ]);
  const pressed = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]") !== null || isTaken(event)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const does = table.get(key);
    if (does === undefined) return;
    event.preventDefault();
    does();
  };
  document.addEventListener("keydown", pressed);
  onCleanup(() => document.removeEventListener("keydown", pressed));
}

/** Fields take letters, buttons take the space bar, sliders and tabs take the arrows. */
function isTaken(event: KeyboardEvent): boolean {
  const { target, key } = event;
  if (!(target instanceof Element)) return false;
  if (target.closest("input:not([type=range]), textarea, select") !== null) return true;
  if (target.closest("input[type=range], [role=tab]") !== null) return /^(Arrow|Page|Home|End)/.test(key);
  if (target.closest("[role=region], .log") !== null && /^(Arrow|Page|Home|End| )/.test(key)) return true;
  return key === " " && target.closest("button, a, summary") !== null;
}
