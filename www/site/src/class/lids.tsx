// "Close your lid now": the class writes nothing, closes laptops, and sees that what was written is still there.
//
// This tab writes keys of which a quorum of owners has each on disk, counts who goes, and reads every key back from
// whoever is left. What it shows is what came back, also when that is not all: with N copies on N devices, more than
// N - 1 devices closed within seconds may take a key with them until one of them is opened again.
import { createMemo, createSignal, onCleanup, Show } from "solid-js";
import type { Desk } from "../panel/desk";
import type { Read, Value } from "../peer/package";
import { type Joined, type Peer, plainBucketName } from "../peer/peer";
import { describe } from "../peer/trouble";

const keysCount = 60;
const atOnceMax = 20;
const keyOf = (i: number) => `lids/${i}`;

interface Back {
  readonly found: number;
  readonly met: number;
  readonly nodes: number;
}

export function Lids(props: { readonly peer: Peer; readonly desk: Desk }) {
  const { peer, desk } = props;
  const [written, setWritten] = createSignal<number>();
  const [back, setBack] = createSignal<Back>();
  const [busy, setBusy] = createSignal<"writing" | "reading">();
  const [problem, setProblem] = createSignal<string>();
  let mine = 0;
  onCleanup(() => {
    mine++;
  });

  const count = (...is: readonly string[]) => desk.seats.filter((seat) => is.includes(seat.status)).length;
  const hints = createMemo(() => [...desk.vitals().values()].reduce((sum, one) => sum + one.hints, 0));

  async function run(what: "writing" | "reading", work: (here: Joined, isCurrent: () => boolean) => Promise<void>) {
    const here = peer.joined();
    const turn = ++mine;
    if (here === undefined) return;
    setBusy(what);
    setProblem(undefined);
    try {
      await work(here, () => turn === mine);
    } catch (error) {
      if (turn === mine) setProblem(describe(error).message);
    } finally {
      if (turn === mine) setBusy(undefined);
    }
  }
  const write = () =>
    run("writing", async (here, isCurrent) => {
      setBack(undefined);
      setWritten(0);
      await inBatches(async (i) => {
        const { met } = await here.kv.put(keyOf(i), `written by ${peer.label()}`, { level: "quorum" });
        if (met && isCurrent()) setWritten((before = 0) => before + 1);
      });
    });
  const readBack = () =>
    run("reading", async (here, isCurrent) => {
      const reads: Read<Value>[] = [];
      await inBatches(async (i) => {
        reads.push(await here.kv.get(keyOf(i), { level: "quorum", timeoutMs: 4_000 }));
      });
      if (!isCurrent()) return;
      const found = reads.filter((read) => read.found).length;
      const met = reads.filter((read) => read.met).length;
      setBack({ found, met, nodes: new Set(reads.flatMap((read) => read.answered)).size });
    });

  return (
    <div class="lids" data-testid="lids">
      <ol class="lid-steps">
        <li>
          <h3>Write {keysCount} keys</h3>
          <p>Each at level quorum: most of its owners have it on disk before it counts.</p>
          <button
            type="button"
            class="primary"
            disabled={busy() !== undefined}
            data-testid="lids-write"
            onClick={write}
          >
            {busy() === "writing" ? "Writing…" : "Write them"}
          </button>
          <p class="lid-result" aria-live="polite" data-testid="lids-written">
            <Show when={written() !== undefined}>
              <strong>
                {written()} of {keysCount}
              </strong>{" "}
              are with a quorum.
            </Show>
          </p>
        </li>
        <li>
          <h3>Close your lid, now</h3>
          <p>Nobody says goodbye. Watch them fall silent, and the next nodes take over.</p>
          <dl class="counts lid-counts">
            <div>
              <dt>here</dt>
              <dd data-testid="lids-here">{count("up", "joining")}</dd>
            </div>
            <div>
              <dt>silent</dt>
              <dd data-testid="lids-silent">{count("suspect")}</dd>
            </div>
            <div>
              <dt>away</dt>
              <dd data-testid="lids-away">{count("dormant", "leaving")}</dd>
            </div>
            <div>
              <dt>hints</dt>
              <dd data-testid="lids-hints">{hints()}</dd>
            </div>
          </dl>
        </li>
        <li>
          <h3>Read all of them back</h3>
          <p>From {plainBucketName}, from whoever is left.</p>
          <button
            type="button"
            class="primary"
            disabled={busy() !== undefined || (written() ?? 0) === 0}
            data-testid="lids-read"
            onClick={readBack}
          >
            {busy() === "reading" ? "Reading…" : "Read them"}
          </button>
          <p class="lid-result" aria-live="polite" data-testid="lids-back" data-found={back()?.found ?? ""}>
            <Show when={back()}>
              {(got) => (
                <>
                  <strong>
                    {got().found} of {keysCount}
                  </strong>{" "}
                  came back, {got().met} of them from a quorum; {got().nodes} {got().nodes === 1 ? "node" : "nodes"}{" "}
                  answered.
                </>
              )}
            </Show>
          </p>
        </li>
        <li>
          <h3>Open the lids</h3>
          <p>They are who they were. What was written for them meanwhile goes home: the hints fall to none.</p>
        </li>
      </ol>
      <Show when={problem()}>
        {(words) => (
          <p class="field-problem" role="alert">
            {words()}
          </p>
        )}
      </Show>
    </div>
  );
}

async function inBatches(work: (i: number) => Promise<void>): Promise<void> {
  for (let first = 0; first < keysCount; first += atOnceMax) {
    const batch = Array.from({ length: Math.min(atOnceMax, keysCount - first) }, (_, i) => work(first + i));
    await Promise.all(batch);
  }
}
