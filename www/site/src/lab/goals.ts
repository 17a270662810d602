// What time can be let run for, in one place: the buttons of the time bar and the keyboard offer the same.
import type { Goal } from "./clock";
import type { Desk } from "./desk";

export const goalNames = ["message", "quorum", "suspected", "settled"] as const;
export type GoalName = (typeof goalNames)[number];

export interface GoalOffer {
  readonly name: GoalName;
  readonly label: string;
  readonly key: string;
  readonly about: string;
}

export const goalOffers: readonly GoalOffer[] = [
  { name: "message", label: "Next message", key: "n", about: "Until the next message arrives somewhere." },
  {
    name: "quorum",
    label: "Quorum met",
    key: "q",
    about: "Until the newest write or read has as many answers as its level asks for (Dynamo §4.5).",
  },
  {
    name: "suspected",
    label: "Suspected",
    key: "u",
    about: "Until somebody notices that the chosen node, or else a closed one, no longer answers (Dynamo §4.8.3).",
  },
  {
    name: "settled",
    label: "Settled",
    key: "e",
    about: "Until all who can reach each other agree and hold the same (Dynamo §4.7).",
  },
];

const limitMs = 600_000; // of simulated time: what has not come in ten minutes is not coming

/** What to run for, or a sentence that says what is missing. */
export function goalOf(name: GoalName, desk: Desk): Goal | { readonly problem: string } {
  const { nodes, requests } = desk.told();
  if (name === "message") return { what: "next-message", words: "the next message arrived", msMax: limitMs };
  if (name === "settled") return { what: "settled", words: "all settled", msMax: limitMs };
  if (name === "quorum") {
    const wanted = desk.request() ?? requests.at(-1)?.id;
    const request = requests.find((known) => known.id === wanted);
    if (request === undefined) return { problem: "Nothing has been written or read yet; do so first." };
    const words = `the ${request.kind} of ${request.key} has what ${request.level} asks for`;
    return { what: { request: request.id }, words, msMax: limitMs };
  }
  const lost = desk.node() ?? nodes.find((node) => !node.open && node.status !== "departed")?.name;
  if (lost === undefined) return { problem: "Choose a node on the ring, or stop one, then somebody can suspect it." };
  return { what: { suspected: lost }, words: `somebody suspects ${lost}`, msMax: limitMs };
}

/** Runs for it, and says why if it cannot. */
export function runFor(name: GoalName, desk: Desk) {
  const goal = goalOf(name, desk);
  if ("problem" in goal) desk.troubles.report("Running time", new Error(goal.problem));
  else void desk.clock.playUntil(goal);
}

/** "12.345 s", "3:04.5", "1 h 02:03": a time as somebody reads it. */
export function clockText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(3)} s`;
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds % 60).toFixed(1).padStart(4, "0");
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

export function speedText(speed: number): string {
  return `${speed}×`;
}
