// The whole room from one tab: shares by the ring, figures by gossip. What the teacher's panel shows.
//
// A node tells how it is doing to those it is linked with, and only its own word is believed; up to 24 tabs everybody is
// linked with everybody. In a larger room some figures are missing here, and the row says so.
import { createMemo, For, Show } from "solid-js";
import type { Vitals } from "../peer/package";
import type { Desk } from "./desk";
import { bytes, milliseconds, percent } from "./units";

export function Everybody(props: { readonly desk: Desk }) {
  const { desk } = props;
  const heard = createMemo(() => desk.seats.filter((seat) => desk.vitals().has(seat.id)).length);
  const devices = () => new Set(desk.seats.map((seat) => seat.device)).size;
  const total = (of: (one: Vitals) => number) => [...desk.vitals().values()].reduce((sum, one) => sum + of(one), 0);
  const worst = (of: (one: Vitals) => number) => Math.max(0, ...[...desk.vitals().values()].map(of));
  return (
    <div class="everybody" data-testid="everybody" data-members={desk.seats.length} data-heard={heard()}>
      <p class="everybody-sum" data-testid="everybody-sum">
        <strong>{desk.seats.length}</strong> {desk.seats.length === 1 ? "node" : "nodes"} on{" "}
        <strong>{devices()}</strong> {devices() === 1 ? "device" : "devices"},{" "}
        <strong>{total((one) => one.keys)}</strong> copies of keys, <strong>{total((one) => one.hints)}</strong> hints,
        longest lag <strong>{milliseconds(worst((one) => one.lagMs))}</strong>.{" "}
        <Show when={heard() < desk.seats.length}>
          <span class="quiet">
            {heard()} of {desk.seats.length} have told how they are.
          </span>
        </Show>
      </p>
      <div class="table-scroll" role="region" aria-label="Everybody's figures, as a table" tabindex="0">
        <table class="members everybody-table">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">It is</th>
              <th scope="col" class="number">
                Share
              </th>
              <th scope="col" class="number">
                Keys
              </th>
              <th scope="col" class="number">
                Hints
              </th>
              <th scope="col" class="number">
                Lag
              </th>
              <th scope="col" class="number">
                Sends
              </th>
              <th scope="col" class="number">
                Put p99
              </th>
              <th scope="col" class="number">
                Get p99
              </th>
            </tr>
          </thead>
          <tbody>
            <For each={desk.seats}>
              {(seat) => (
                <tr
                  data-testid="everybody-row"
                  data-node-id={seat.id}
                  data-heard={desk.vitals().has(seat.id)}
                  classList={{ lit: desk.lit() === seat.id }}
                >
                  <th scope="row">
                    {seat.name}
                    <Show when={seat.self}>
                      <span class="tag">this tab</span>
                    </Show>
                  </th>
                  <td>
                    <span class={`status is-${seat.status}`}>
                      <span class="status-mark" aria-hidden="true" />
                      {seat.status}
                    </span>
                  </td>
                  <td class="number">{percent(seat.share)}</td>
                  <Show
                    when={desk.vitals().get(seat.id)}
                    fallback={
                      <td colspan={6} class="quiet">
                        {seat.linked ? "has not told yet" : "not linked with this tab, so not heard"}
                      </td>
                    }
                  >
                    {(one) => (
                      <>
                        <td class="number">{one().keys}</td>
                        <td class="number">{one().hints}</td>
                        <td class="number">{one().lagMs === 0 ? "–" : milliseconds(one().lagMs)}</td>
                        <td class="number">{bytes(sent(one()))}/s</td>
                        <td class="number">{time(one().puts.p99Ms)}</td>
                        <td class="number">{time(one().gets.p99Ms)}</td>
                      </>
                    )}
                  </Show>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </div>
    </div>
  );
}

function sent(one: Vitals): number {
  return Object.values(one.sentPerSecond).reduce((sum, rate) => sum + rate, 0);
}

/** Nothing was asked, or it was quicker than a millisecond. */
function time(ms: number): string {
  return ms === 0 ? "–" : milliseconds(ms);
}
