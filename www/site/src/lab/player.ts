// A lesson, step by step: words, a prediction before anything is shown, what happens, the reveal.
//
// A step's acts and time are data of the lesson, the same that the native simulator runs in the tests; nothing here
// adds to them. So after the last step the trace hash must be the one that the lesson's file names, unless the reader
// did something of their own.
//
// As each step begins, the room is kept as it is: going back is going to that room, with all that the reader had done
// before. What they did since then is undone with the step.
import { batch, createSignal } from "solid-js";
import type { Lab, Lesson, LessonHead, LessonStep } from "./contract";
import type { Desk, Panel } from "./desk";
import { letGo } from "./histories";

/** say: its words stand, nothing has happened. running: time passes. done: what it shows is there. */
export type Phase = "say" | "running" | "done";

const untilMsMax = 120_000; // of simulated time, as in the tests

export function createPlayer(desk: Desk) {
  const [lesson, setLesson] = createSignal<Lesson>();
  const [index, setIndex] = createSignal(0);
  const [phase, setPhase] = createSignal<Phase>("say");
  const [choice, setChoice] = createSignal<number>();
  const kept: (Lab | undefined)[] = []; // the room as each step began
  let deeds: number | undefined; // how many there have been, while of this step's all are the lesson's
  let ran = 0; // when this step's time began to pass, in the lab's time

  const step = (): LessonStep | undefined => lesson()?.steps[index()];
  const isLast = () => index() + 1 >= (lesson()?.steps.length ?? 0);
  const acts = (at: LessonStep) => (at.act?.length ?? 0) > 0 || isTimed(at);
  const waitsForChoice = () => hasAsk(step()) && choice() === undefined;

  function heads(): readonly LessonHead[] {
    try {
      return JSON.parse(desk.labs.lessons());
    } catch (error) {
      desk.troubles.report("Listing the lessons", error);
      return [];
    }
  }

  function begin(id: string): boolean {
    let next: Lesson;
    try {
      next = JSON.parse(desk.labs.lesson(id));
    } catch (error) {
      desk.troubles.report(`Opening the lesson "${id}"`, error);
      return false;
    }
    const opened = desk.open(
      `Opening the lesson "${next.title}"`,
      () => new desk.labs(JSON.stringify(next.setup)),
      next.setup,
    );
    if (!opened) return false;
    forget(0);
    setLesson(next);
    if (next.key !== undefined && next.key !== null) desk.setKey(next.key);
    arrive(0);
    return true;
  }

  /** The rooms of this step and those after it are not needed any more. */
  function forget(from: number) {
    for (const lab of kept.splice(from)) if (lab !== undefined) letGo(lab);
  }

  function arrive(at: number) {
    keep(at);
    batch(() => {
      setIndex(at);
      setPhase("say");
      setChoice(undefined);
    });
    look(step());
    const here = step();
    if (here !== undefined && !acts(here) && !hasAsk(here)) setPhase("done");
  }

  function keep(at: number) {
    forget(at);
    kept[at] = desk.attempt("Keeping the room as this step begins", () => desk.histories.lab()?.fork());
    deeds = desk.deeds();
  }

  /** The room as a step began. Whether it is still there: a link brings the room of one step alone. */
  function restore(at: number): boolean {
    const room = kept[at];
    if (room === undefined) return false;
    desk.clock.cancel();
    desk.histories.replace(room.fork());
    batch(() => {
      desk.setSeenFrom(undefined);
      desk.setNode(undefined);
      desk.setMessage(undefined);
      desk.setRequest(undefined);
    });
    const { key } = lesson() ?? {};
    if (isSet(key)) desk.setKey(key);
    desk.refresh();
    return true;
  }

  function look(at: LessonStep | undefined) {
    const wanted = at?.look;
    if (wanted === undefined || wanted === null) return;
    if (wanted.key) desk.setKey(wanted.key);
    if (wanted.seenFrom !== undefined) desk.setSeenFrom(wanted.seenFrom ?? undefined);
    if (wanted.node) desk.setNode(wanted.node);
    const panel = panelOf[wanted.panel ?? ""];
    if (panel !== undefined) desk.setPanel(panel);
  }

  /** What this step does, at the speed that is set. */
  async function go() {
    const here = step();
    if (here === undefined || phase() !== "say" || waitsForChoice()) return;
    const isOwn = desk.deeds() !== deeds;
    setPhase("running");
    for (const act of here.act ?? []) {
      if (desk.act("The lesson's next act", act) === undefined) break;
    }
    deeds = isOwn ? undefined : desk.deeds();
    ran = desk.histories.lab()?.now() ?? 0;
    const complete = await pass(here);
    if (complete && step() === here && phase() === "running") finish(here);
  }

  /** Whether all of its time has passed; not if time went another way, or another lesson was opened. */
  async function pass(at: LessonStep): Promise<boolean> {
    if (isSet(at.run)) {
      desk.clock.paceFor(at.run);
      if (!(await desk.clock.playFor(at.run))) return false;
    }
    if (step() !== at) return false;
    return isSet(at.until) ? passUntil(at) : true;
  }

  /**
   * Lived through twice: a copy runs ahead to where the lesson waits for, at once, as it does in the tests; then the
   * same time is shown. At its end the copy takes the place of what was shown, for that may have looked at other
   * moments, and what follows must begin at the very same place.
   */
  async function passUntil(at: LessonStep): Promise<boolean> {
    const shown = desk.histories.lab();
    if (shown === undefined) return false;
    const ahead = shown.fork();
    desk.attempt("Waiting for what the lesson waits for", () => ahead.run_until(JSON.stringify(at.until), untilMsMax));
    const ms = ahead.now() - shown.now();
    desk.clock.paceFor(ms);
    const deeds = desk.deeds();
    const isOver = await desk.clock.playFor(Math.max(0, ms - 1));
    if (!isOver || step() !== at || desk.histories.lab() !== shown) {
      ahead.free();
      return false;
    }
    if (desk.deeds() === deeds) desk.histories.replace(ahead);
    else ahead.free();
    desk.refresh();
    return true;
  }

  function finish(at: LessonStep) {
    setPhase("done");
    look(at);
  }

  function next() {
    if (phase() === "say") void go();
    else if (phase() === "done" && !isLast()) arrive(index() + 1);
  }

  /** The step before, in the room as it was when that began. */
  function previous() {
    const at = Math.max(0, index() - 1);
    if (restore(at)) arrive(at);
    else replayTo(at);
  }

  /** A room anew, and all that the lesson did until this step at once. */
  function replayTo(target: number) {
    const at = lesson();
    if (at === undefined || !begin(at.id)) return;
    for (let i = 0; i < target; i++) {
      keep(i);
      const earlier = at.steps[i];
      if (earlier !== undefined) doAtOnce(earlier);
    }
    arrive(target);
  }

  /**
   * All that is left of this step, at once. If the reader did nothing meanwhile, from the step's beginning: whoever
   * looks at the room as time passes looks at other moments than the tests do, and it is to end as there.
   */
  function finishNow() {
    const here = step();
    if (here === undefined || phase() !== "running") return;
    const chosen = choice();
    if (desk.deeds() === deeds) {
      if (!restore(index())) replayTo(index());
      doAtOnce(here);
    } else {
      desk.clock.cancel();
      doAtOnce(here, Math.max(0, (desk.histories.lab()?.now() ?? 0) - ran));
    }
    batch(() => {
      setChoice(chosen);
      setPhase("done");
    });
    look(here);
  }

  /** A step, or what is left of one whose acts are done and of whose time so much has passed. */
  function doAtOnce(at: LessonStep, passed?: number) {
    const lab = desk.histories.lab();
    if (lab === undefined) return;
    if (passed === undefined) for (const act of at.act ?? []) desk.act("The lesson's next act", act);
    desk.attempt("Letting the lesson's time pass", () => {
      if (isSet(at.run)) runAll(lab, Math.max(0, at.run - (passed ?? 0)));
      if (isSet(at.until)) lab.run_until(JSON.stringify(at.until), untilMsMax);
    });
  }

  function close() {
    forget(0);
    batch(() => {
      setLesson(undefined);
      setIndex(0);
      setPhase("say");
      setChoice(undefined);
    });
  }

  /** As a link found it: the words of that step, over a history that is already there. */
  function resume(id: string, at: number, was: Phase, chosen: number | undefined) {
    try {
      const known: Lesson = JSON.parse(desk.labs.lesson(id));
      const found = Math.max(0, Math.min(at, known.steps.length - 1));
      forget(0);
      if (was === "say") keep(found);
      batch(() => {
        setLesson(known);
        setIndex(found);
        setPhase(was === "running" ? "done" : was);
        setChoice(chosen);
      });
    } catch (error) {
      desk.troubles.report(`Finding the lesson "${id}" of this link`, error);
    }
  }

  return {
    lesson,
    heads,
    index,
    step,
    phase,
    choice,
    choose: setChoice,
    isLast,
    acts: () => acts(step() ?? { say: "" }),
    waitsForChoice,
    begin,
    go,
    next,
    previous,
    finishNow,
    close,
    resume,
  };
}
export type Player = ReturnType<typeof createPlayer>;

function isTimed(step: LessonStep): boolean {
  return isSet(step.run) || isSet(step.until);
}

function isSet<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}

function hasAsk(step: LessonStep | undefined): boolean {
  return step?.ask !== undefined && step.ask !== null;
}

/** What lessons call what there is to look at, by our panels. The ring and a violation are always in sight. */
const panelOf: Readonly<Record<string, Panel>> = {
  act: "act",
  key: "key",
  receipt: "key",
  members: "nodes",
  nodes: "nodes",
  diagram: "time",
  time: "time",
  log: "log",
  metrics: "figures",
  figures: "figures",
};

function runAll(lab: { now(): number; run(ms: number, budgetMs: number): number }, ms: number) {
  const end = lab.now() + ms;
  while (lab.now() < end) {
    // Less than asked: a checker has found something broken, and time stands.
    if (lab.run(end - lab.now(), 1000) === 0) return;
  }
}
