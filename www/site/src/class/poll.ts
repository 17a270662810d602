// A poll that nobody counts for: a question in one register, one counter for each answer, one vote for each tab.
//
// Every vote is added where it is cast, at level "local", so it is never refused, not even while the room is in two
// parts; counters join by addition, each vote once. Who changes their mind takes their vote off and adds another.
//
// A vote is remembered by the tab's session alone. That is honest enough for a classroom and for nothing else.
import { createEffect, createSignal, on, onCleanup } from "solid-js";
import type { Desk } from "../panel/desk";
import type { CounterBucket, Mesh } from "../peer/package";
import type { Peer } from "../peer/peer";
import { describe } from "../peer/trouble";

const questionBucket = "poll";
const questionKey = "now";
const voteBucket = "poll-votes";
const atOnce = { level: "local" } as const;
export const optionsMax = 6;
const textLettersMax = 120;

export interface Question {
  readonly id: string;
  readonly text: string;
  readonly options: readonly string[];
}

/** A question that some other page may have written under our key, or nothing. */
export function questionIn(value: unknown): Question | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { id, text, options } = value as { id?: unknown; text?: unknown; options?: unknown };
  if (typeof id !== "string" || !/^[\w-]{1,40}$/.test(id) || typeof text !== "string" || !Array.isArray(options)) {
    return undefined;
  }
  const words = options.filter((option): option is string => typeof option === "string" && option.trim() !== "");
  if (words.length < 2) return undefined;
  return {
    id,
    text: text.slice(0, textLettersMax),
    options: words.slice(0, optionsMax).map((word) => word.slice(0, 60)),
  };
}

export function createPoll(peer: Peer, desk: Desk) {
  const [question, setQuestion] = createSignal<Question>();
  const [counts, setCounts] = createSignal<readonly number[]>([]);
  const [mine, setMine] = createSignal<number>();
  const [problem, setProblem] = createSignal<string>();
  const questions = (mesh: Mesh) => mesh.bucket<Question | null>(questionBucket, { type: "lww" });
  const votes = (mesh: Mesh): CounterBucket => mesh.bucket(voteBucket, { type: "counter" });

  desk.withMesh(({ mesh }) =>
    questions(mesh).watch(questionKey, ({ value }) => {
      const now = questionIn(value);
      if (now?.id !== question()?.id) setQuestion(now);
    }),
  );
  createEffect(
    on([peer.joined, question], ([here, asked]) => {
      setCounts([]);
      setMine(undefined);
      if (here === undefined || asked === undefined) return;
      setMine(voteKept(asked.id));
      const all = asked.options.map(() => 0);
      const stops = asked.options.map((_, i) =>
        votes(here.mesh).watch(voteKey(asked, i), ({ value }) => {
          all[i] = Math.max(0, value ?? 0);
          setCounts([...all]);
        }),
      );
      onCleanup(() => {
        for (const stop of stops) stop();
      });
    }),
  );

  async function act(work: (mesh: Mesh) => Promise<unknown>) {
    const here = peer.joined();
    if (here === undefined) {
      setProblem("The store is not open yet; see the note at the top of the page.");
      return;
    }
    setProblem(undefined);
    try {
      await work(here.mesh);
    } catch (error) {
      setProblem(describe(error).message);
    }
  }
  const ask = (text: string, options: readonly string[]) => {
    const asked = questionIn({ id: freshId(), text: text.trim(), options: options.map((option) => option.trim()) });
    if (asked === undefined || asked.text === "") {
      setProblem("A poll needs a question and at least two answers.");
      return;
    }
    void act((mesh) => questions(mesh).put(questionKey, asked));
  };
  const end = () => act((mesh) => questions(mesh).delete(questionKey));
  const vote = (choice: number) => {
    const asked = question();
    const before = mine();
    if (asked === undefined || before === choice) return;
    // Said at once, so that a second press does not vote twice.
    setMine(choice);
    keepVote(asked.id, choice);
    void act(async (mesh) => {
      if (before !== undefined) await votes(mesh).add(voteKey(asked, before), -1, atOnce);
      await votes(mesh).add(voteKey(asked, choice), 1, atOnce);
    });
  };
  const total = () => counts().reduce((sum, count) => sum + count, 0);
  return { question, counts, total, mine, problem, ask, end, vote };
}
export type Poll = ReturnType<typeof createPoll>;

function voteKey(question: Question, option: number): string {
  return `${question.id}/${option}`;
}

function freshId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function voteKept(id: string): number | undefined {
  try {
    const kept = sessionStorage.getItem(`roundtable.vote.${id}`);
    return kept === null ? undefined : Number(kept);
  } catch {
    return undefined; // storage is forbidden here: a reload then forgets the vote, which is all that is lost
  }
}

function keepVote(id: string, choice: number): void {
  try {
    sessionStorage.setItem(`roundtable.vote.${id}`, String(choice));
  } catch {
    // as above
  }
}
