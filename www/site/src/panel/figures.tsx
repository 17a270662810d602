// Figures of this tab: what it holds, what waits for others, and how many bytes it sends a second, by what for.
import { For, Show } from "solid-js";
import { type Journal, type Rates, samplesMax, type TrafficKind, trafficKinds } from "../peer/journal";

const says: Readonly<Record<TrafficKind, string>> = {
  gossip: "who is here",
  repair: "evening out copies",
  transfer: "moving shares",
  request: "puts and gets",
  signal: "making links",
};

export function Figures(props: { readonly journal: Journal }) {
  const now = () => props.journal.figures().now;
  const rates = () => props.journal.figures().rates;
  return (
    <div class="figures" data-testid="metrics">
      <Show when={now()} fallback={<p class="quiet">No figures yet.</p>}>
        {(metrics) => (
          <>
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
            <table class="traffic">
              <caption>Bytes sent a second, over the last minute</caption>
              <tbody>
                <For each={trafficKinds}>
                  {(kind) => (
                    <tr data-testid={`traffic-${kind}`}>
                      <th scope="row">
                        {kind} <span class="quiet">{says[kind]}</span>
                      </th>
                      <td class="spark-cell">
                        <Spark rates={rates()} kind={kind} />
                      </td>
                      <td class="number">{bytes(rates().at(-1)?.[kind] ?? 0)}/s</td>
                    </tr>
                  )}
                </For>
              </tbody>
            </table>
            <Show when={metrics().requests.some((request) => request.count > 0)}>
              <p class="latency quiet">
                <For each={metrics().requests.filter((request) => request.count > 0)}>
                  {(request) => (
                    <span>
                      {request.kind}: {request.count}, half within {Math.round(request.p50Ms)} ms, 99 % within{" "}
                      {Math.round(request.p99Ms)} ms.{" "}
                    </span>
                  )}
                </For>
              </p>
            </Show>
          </>
        )}
      </Show>
    </div>
  );
}

function Count(props: {
  readonly name: string;
  readonly value: number | string;
  readonly testid: string;
  readonly says?: string;
}) {
  return (
    <div title={props.says}>
      <dd data-testid={props.testid}>{props.value}</dd>
      <dt>{props.name}</dt>
    </div>
  );
}

/** One scale for all kinds, so that the lines compare. */
function Spark(props: { readonly rates: readonly Rates[]; readonly kind: TrafficKind }) {
  const line = () => {
    const top = Math.max(64, ...props.rates.flatMap((rates) => trafficKinds.map((kind) => rates[kind])));
    const start = samplesMax - props.rates.length;
    return props.rates
      .map((rates, i) => `${i === 0 ? "M" : "L"}${start + i} ${(19 - (18 * rates[props.kind]) / top).toFixed(1)}`)
      .join("");
  };
  return (
    <svg class="spark" viewBox={`0 0 ${samplesMax - 1} 20`} preserveAspectRatio="none" aria-hidden="true">
      <path d={line()} vector-effect="non-scaling-stroke" />
    </svg>
  );
}

function bytes(count: number): string {
  if (count < 1000) return `${Math.round(count)} B`;
  if (count < 1_000_000) return `${(count / 1000).toFixed(1)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}
