// Time under the reader's hand: it runs, stands, goes one step, or runs until something holds.
//
// Frames are asked for only while time runs and somebody looks: a hidden page draws nothing and lets no time pass. The
// goal of a run is the lab's to judge; this only hands it time in slices, so that one sees what happens meanwhile.
//
// The lab counts whole milliseconds. In slow motion a frame is less than one: the rest is carried to the next frame,
// and messages are drawn at the time with its fraction.
import { createSignal, onCleanup } from "solid-js";
import type { Lab } from "./contract";

export const speeds: readonly number[] = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];
export const speedAtFirst = 0.2;

const frameMsMax = 100; // after a stall time does not jump
const watchedMs = 7000;
const budgetMs = 10; // of a frame, for the simulator

export interface Goal {
  readonly what: unknown; // as the lab's `run_until` takes it
  readonly words: string;
  readonly msMax: number;
}

/** How a run that had a goal ended. */
export interface GoalEnd {
  readonly words: string;
  readonly met: boolean;
  readonly ms: number;
}

export function createClock(on: {
  lab: () => Lab | undefined;
  /** Time has passed; true stops the clock. */
  passed: () => boolean;
  /** Time stands still now. */
  stopped: () => void;
  failed: (doing: string, error: unknown) => void;
}) {
  const [playing, setPlaying] = createSignal(false);
  const [speed, setSpeed] = createSignal(speedAtFirst);
  const [goal, setGoal] = createSignal<Goal>();
  const [ended, setEnded] = createSignal<GoalEnd>();
  let frame = 0;
  let last: number | undefined;
  let begun = 0;
  let carried = 0;
  let waiting: ((met: boolean) => void) | undefined;

  function play() {
    if (playing() || on.lab() === undefined) return;
    setPlaying(true);
    setEnded(undefined);
    last = undefined;
    frame = requestAnimationFrame(tick);
  }

  /** Time stands; a goal stays, and is run for again when time goes on. */
  function pause() {
    cancelAnimationFrame(frame);
    carried = 0;
    if (!playing()) return;
    setPlaying(false);
    on.stopped();
  }

  /** Time stands, and the goal is over. */
  function finish(met: boolean) {
    const reached = goal();
    const lab = on.lab();
    const told = waiting;
    waiting = undefined;
    setGoal(undefined);
    pause();
    if (reached !== undefined && reached.words !== "" && lab !== undefined) {
      setEnded({ words: reached.words, met, ms: lab.now() - begun });
    }
    told?.(met);
  }

  /** The goal is given up: time went another way. */
  function cancel() {
    if (goal() !== undefined) finish(false);
    setEnded(undefined);
    pause();
  }

  /** Runs until the goal holds or its time is up. Whether it was met; false if it was given up. */
  function playUntil(next: Goal): Promise<boolean> {
    cancel();
    const lab = on.lab();
    if (lab === undefined) return Promise.resolve(false);
    begun = lab.now();
    return new Promise((resolve) => {
      waiting = resolve;
      play();
      setGoal(next);
    });
  }

  /** A speed at which so much time is watched in a few seconds. */
  function paceFor(ms: number) {
    setSpeed(speeds.find((known) => ms / known <= watchedMs) ?? speeds[speeds.length - 1] ?? 1);
  }

  /** Exactly so much time, at the speed that is set. */
  function playFor(ms: number): Promise<boolean> {
    return playUntil({ what: undefined, words: "", msMax: ms });
  }

  function tick(at: number) {
    const lab = on.lab();
    if (!playing() || lab === undefined) return;
    const wished = Math.min(frameMsMax, last === undefined ? 16 : at - last) * speed() + carried;
    last = at;
    const whole = Math.floor(wished);
    carried = wished - whole;
    const done = whole === 0 ? "go on" : attempt("Letting time pass", () => slice(lab, whole));
    if (done === undefined) return cancel();
    // A checker has found something broken, and time stands: so much of a span has passed as can.
    if (on.passed()) return goal() === undefined ? pause() : finish(goal()?.what === undefined);
    if (done !== "go on") return finish(done === "met");
    frame = requestAnimationFrame(tick);
  }

  function slice(lab: Lab, wished: number): "go on" | "met" | "late" {
    const aim = goal();
    if (aim === undefined) {
      lab.run(wished, budgetMs);
      return "go on";
    }
    const left = aim.msMax - (lab.now() - begun);
    if (aim.what === undefined) {
      if (left > 0) lab.run(Math.min(wished, left), budgetMs);
      return lab.now() - begun >= aim.msMax ? "met" : "go on";
    }
    if (left <= 0) return "late";
    return lab.run_until(JSON.stringify(aim.what), Math.min(wished, left)) ? "met" : "go on";
  }

  function attempt<T>(doing: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      on.failed(doing, error);
      return undefined;
    }
  }

  const faster = (by: 1 | -1) =>
    setSpeed((now) => speeds[Math.min(speeds.length - 1, Math.max(0, speeds.indexOf(now) + by))] ?? now);

  onCleanup(cancel);
  return {
    playing,
    speed,
    setSpeed,
    faster,
    paceFor,
    goal,
    ended,
    /** The part of a millisecond that has passed beyond the lab's time. */
    fraction: () => carried,
    cancel,
    play,
    pause,
    toggle: () => (playing() ? pause() : play()),
    playUntil,
    playFor,
  };
}
export type Clock = ReturnType<typeof createClock>;
