// Figures: what this tab holds, and four questions over the last minute, asked of this tab or of the whole room.
//
// The room's figures are carried by gossip: every node tells those it is linked with how it is doing. So they are rough,
// to within a fifth, a few seconds old, and say the worst where a sum would mean nothing.
import { createSignal, For, Show } from "solid-js";
import { type Journal, type Sample, type TrafficKind, trafficKinds } from "../peer/journal";
import { Chart, type Line } from "./chart";
import { bytes, milliseconds } from "./units";

const says: Readonly<Record<TrafficKind, string>> = {
  gossip: "who is here",
  repair: "evening out copies",
  transfer: "moving shares",
  request: "puts and gets",
  signal: "making links",
};

const questions = [
  { id: "lag", name: "Convergence lag", says: "for how long something has waited to be where it belongs" },
  { id: "hints", name: "Hints", says: "writes kept for somebody who is away, or is being told" },
  { id: "bytes", name: "Bytes a second", says: "sent to other tabs, by what they serve" },
  {
    id: "time",
    name: "Answer times",
    says: "of recent puts and gets: half of them, and 99 of 100, were done within this",
  },
] as const;
type Question = (typeof questions)[number]["id"];
type Whose = "own" | "room";

export function Figures(props: { readonly journal: Journal }) {
  const now = () => props.journal.figures().now;
  return (
    <div class="figures" data-testid="metrics">
      <Show when={now()} fallback={<p class="quiet">No figures yet.</p>}>
        {(metrics) => (
          <dl class="counts">
            <Count name="keys held" value={metrics().keys} testid="metric-keys" />
            <Count
              name="copies"
              value={metrics().copies}
              testid="metric-copies"
              says="keys of others, kept here for offline buckets"
            />
            <Count name="links" value={metrics().links} testid="metric-links" />
            <Count
              name="hints"
              value={metrics().hints}
              testid="metric-hints"
              says="writes kept for somebody who is away"
            />
            <Count
              name="tombstones"
              value={metrics().tombstones}
              testid="metric-tombstones"
              says="marks of what was deleted"
            />
            <Count name="stored" value={bytes(metrics().bytes)} testid="metric-bytes" />
          </dl>
        )}
      </Show>
      <OverTime journal={props.journal} whose="own" />
    </div>
  );
}

/** The chart with its choices; `whose` is where it begins. */
export function OverTime(props: { readonly journal: Journal; readonly whose: Whose }) {
  const [question, setQuestion] = createSignal<Question>("bytes");
  const [whose, setWhose] = createSignal<Whose>(props.whose);
  const asked = () => questions.find(({ id }) => id === question()) ?? questions[0];
  return (
    <div class="over-time" data-testid="over-time" data-question={question()} data-whose={whose()}>
      <div class="chart-choices">
        <div class="log-tools" role="group" aria-label="What the chart shows">
          <For each={questions}>
            {({ id, name }) => (
              <button
                type="button"
                class="chip"
                data-testid={`chart-${id}`}
                aria-pressed={question() === id}
                onClick={() => setQuestion(id)}
              >
                {name}
              </button>
            )}
          </For>
        </div>
        <div class="log-tools" role="group" aria-label="Of whom">
          <For each={[["own", "This tab"] as const, ["room", "The whole room"] as const]}>
            {([id, name]) => (
              <button
                type="button"
                class="chip"
                data-testid={`chart-of-${id}`}
                aria-pressed={whose() === id}
                onClick={() => setWhose(id)}
              >
                {name}
              </button>
            )}
          </For>
        </div>
      </div>
      <p class="quiet">
        {asked().name}: {asked().says}
        {whose() === "room" ? ", as all nodes told it" : ""}.
      </p>
      <Chart
        title={`${asked().name}, ${whose() === "own" ? "of this tab" : "of the whole room"}, over the last minute`}
        lines={linesOf(question(), props.journal.figures()[whose()], whose())}
        write={question() === "hints" ? String : question() === "bytes" ? (value) => `${bytes(value)}/s` : milliseconds}
        topMin={question() === "bytes" ? 200 : question() === "hints" ? 5 : 20}
      />
    </div>
  );
}

function linesOf(question: Question, samples: readonly Sample[], whose: Whose): readonly Line[] {
  const line = (name: string, of: (sample: Sample) => number, says = ""): Line => ({
    name,
    says,
    values: samples.map(of),
  });
  switch (question) {
    case "lag":
      return [line("lag", (sample) => sample.lagMs, whose === "own" ? "" : "of the node that waits longest")];
    case "hints":
      return [line("hints", (sample) => sample.hints, whose === "own" ? "" : "of all nodes together")];
    case "bytes":
      return trafficKinds.map((kind) => line(kind, (sample) => sample.sent[kind], says[kind]));
    default:
      return [
        line("put p99", (sample) => sample.putMs.p99),
        line("put p50", (sample) => sample.putMs.p50),
        line("get p99", (sample) => sample.getMs.p99),
        line("get p50", (sample) => sample.getMs.p50),
      ];
  }
}

function Count(props: {
  readonly name: string;
  readonly value: number | string;
  readonly testid: string;
  readonly says?: string;
}) {
  return (
    <div title={props.says}>
      <dt>{props.name}</dt>
      <dd data-testid={props.testid}>{props.value}</dd>
    </div>
  );
}
