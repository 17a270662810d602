// The histories on the table: one lab, and forks of it that went another way. One is looked at, the others keep still.
//
// A fork is how "what if" is asked: the same room at the same moment, and from there on another story. There are few
// of them, because each is a whole simulator in memory.
import { createSignal } from "solid-js";
import type { Lab } from "./contract";

export const historiesMax = 4;

export interface History {
  readonly name: string;
  readonly lab: Lab;
}

export function createHistories() {
  const [list, setList] = createSignal<readonly History[]>([]);
  const [current, setCurrent] = createSignal<History>();
  let made = 0;

  /** Another room: all histories of the last one are let go. */
  function begin(lab: Lab) {
    for (const history of list()) letGo(history.lab);
    made = 0;
    const history = { name: nameOf(made++), lab };
    setList([history]);
    setCurrent(history);
  }

  function fork(): boolean {
    const from = current();
    if (from === undefined || list().length >= historiesMax) return false;
    const history = { name: nameOf(made++), lab: from.lab.fork() };
    setList((before) => [...before, history]);
    setCurrent(history);
    return true;
  }

  function drop(history: History) {
    if (list().length < 2) return;
    setList((before) => before.filter((other) => other !== history));
    if (current() === history) setCurrent(list()[0]);
    letGo(history.lab);
  }

  /** The history that is looked at is told by another lab from now on, which has come further. */
  function replace(lab: Lab) {
    const before = current();
    if (before === undefined) return letGo(lab);
    const history = { name: before.name, lab };
    setList((all) => all.map((other) => (other === before ? history : other)));
    setCurrent(history);
    letGo(before.lab);
  }

  return { list, current, lab: () => current()?.lab, begin, fork, drop, replace, show: setCurrent };
}

function nameOf(index: number): string {
  return `History ${String.fromCharCode(65 + (index % 26))}`;
}

/** After a panic even letting go may throw; there is nothing left to lose then. */
export function letGo(lab: Lab) {
  try {
    lab.free();
  } catch {
    // The instance was broken already, and whoever used it last was told.
  }
}
