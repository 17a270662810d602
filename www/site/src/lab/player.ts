// A lesson, step by step: words, a prediction before anything is shown, what happens, the reveal.
//
// A step's acts and time are data of the lesson, the same that the native simulator runs in the tests; nothing here
// adds to them. So after the last step the trace hash must be the one that the lesson's file names, unless the reader
// did something of their own.
import { batch, createSignal } from "solid-js";
import type { Lesson, LessonHead, LessonStep } from "./contract";
import { type Desk, type Panel, panels } from "./desk";

/** say: its words stand, nothing has happened. running: time passes. done: what it shows is there. */
export type Phase = "say" | "running" | "done";

const untilMsMax = 120_000; // of simulated time, where a lesson names no limit

export function createPlayer(desk: Desk) {
  const [lesson, setLesson] = createSignal<Lesson>();
  const [index, setIndex] = createSignal(0);
  const [phase, setPhase] = createSignal<Phase>("say");
  const [choice, setChoice] = createSignal<number>();

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
    setLesson(next);
    if (next.key !== undefined && next.key !== null) desk.setKey(next.key);
    arrive(0);
    return true;
  }

  function arrive(at: number) {
    batch(() => {
      setIndex(at);
      setPhase("say");
      setChoice(undefined);
    });
    look(step());
    const here = step();
    if (here !== undefined && !acts(here) && !hasAsk(here)) setPhase("done");
  }

  function look(at: LessonStep | undefined) {
    const wanted = at?.look;
    if (wanted === undefined || wanted === null) return;
    if (wanted.key) desk.setKey(wanted.key);
    if (wanted.seenFrom !== undefined) desk.setSeenFrom(wanted.seenFrom ?? undefined);
    if (wanted.node) desk.setNode(wanted.node);
    if (isPanel(wanted.panel)) desk.setPanel(wanted.panel);
  }

  /** What this step does, at the speed that is set. */
  async function go() {
    const here = step();
    if (here === undefined || phase() !== "say" || waitsForChoice()) return;
    setPhase("running");
    for (const act of here.act ?? []) {
      if (desk.act("The lesson's next act", act) === undefined) break;
    }
    const complete = await pass(here);
    if (complete && step() === here && phase() === "running") finish(here);
  }

  /** Whether all of its time has passed; not if time went another way, or another lesson was opened. */
  async function pass(at: LessonStep): Promise<boolean> {
    if (at.run !== undefined && at.run !== null && !(await desk.clock.playFor(at.run))) return false;
    if (step() !== at) return false;
    if (at.until === undefined || at.until === null) return true;
    await desk.clock.playUntil(goalOf(at.until));
    return step() === at;
  }

  function finish(at: LessonStep) {
    setPhase("done");
    look(at);
  }

  function next() {
    if (phase() === "say") void go();
    else if (phase() === "done" && !isLast()) arrive(index() + 1);
  }

  /** The step before: the room anew, and all that led there at once, so that it is the same each time. */
  function previous() {
    const at = lesson();
    if (at !== undefined) replayTo(at, Math.max(0, index() - 1));
  }

  function replayTo(at: Lesson, target: number) {
    if (!begin(at.id)) return;
    for (let i = 0; i < target; i++) {
      const earlier = at.steps[i];
      if (earlier !== undefined) doAtOnce(earlier);
    }
    arrive(target);
  }

  /** All that is left of this step, at once. */
  function finishNow() {
    const here = step();
    const at = lesson();
    if (here === undefined || at === undefined || phase() === "done" || waitsForChoice()) return;
    const chosen = choice();
    const wanted = index();
    replayTo(at, wanted);
    doAtOnce(here);
    batch(() => {
      setChoice(chosen);
      setPhase("done");
    });
    look(here);
  }

  function doAtOnce(at: LessonStep) {
    const lab = desk.histories.lab();
    if (lab === undefined) return;
    for (const act of at.act ?? []) desk.act("The lesson's next act", act);
    desk.attempt("Letting the lesson's time pass", () => {
      if (at.run !== undefined && at.run !== null) runAll(lab, at.run);
      if (at.until !== undefined && at.until !== null) {
        const goal = goalOf(at.until);
        lab.run_until(JSON.stringify(goal.what), goal.msMax);
      }
    });
  }

  function close() {
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
      batch(() => {
        setLesson(known);
        setIndex(Math.max(0, Math.min(at, known.steps.length - 1)));
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
  return (step.run !== undefined && step.run !== null) || (step.until !== undefined && step.until !== null);
}

function hasAsk(step: LessonStep | undefined): boolean {
  return step?.ask !== undefined && step.ask !== null;
}

function isPanel(name: string | null | undefined): name is Panel {
  return panels.some((panel) => panel === name);
}

/** A lesson may name its own limit beside what it waits for. */
function goalOf(until: unknown): { what: unknown; words: string; msMax: number } {
  if (typeof until === "object" && until !== null && "for" in until && "ms" in until && typeof until.ms === "number") {
    return { what: until.for, words: "this step", msMax: until.ms };
  }
  return { what: until, words: "this step", msMax: untilMsMax };
}

function runAll(lab: { now(): number; run(ms: number, budgetMs: number): number }, ms: number) {
  const end = lab.now() + ms;
  while (lab.now() < end) {
    // Less than asked: a checker has found something broken, and time stands.
    if (lab.run(end - lab.now(), 1000) === 0) return;
  }
}
