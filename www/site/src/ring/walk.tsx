// The ring unrolled at one key: the tokens met on the way clockwise, and which of them became owners.
//
// On the ring itself a walk among hundreds of tokens is a hair's breadth. Here each step is a box as wide as its arc,
// within reason, so that one sees why the second token of the same node does not count. An ordered list: it reads
// aloud as it looks.
import { For, Show } from "solid-js";
import type { KeyWay, Seat, Step } from "./model";

export function Walk(props: {
  readonly way: KeyWay;
  readonly seats: readonly Seat[];
  readonly lit: string | undefined;
  readonly onLit: (id: string | undefined) => void;
}) {
  const seatOf = (id: string) => props.seats.find((seat) => seat.id === id);
  const longest = () => Math.max(...props.way.steps.map((step) => step.length), 1e-9);
  const width = (element: HTMLLIElement, step: Step) =>
    element.style.setProperty("--stretch", (1 + (3 * step.length) / longest()).toFixed(2));
  const passed = (step: Step) => {
    const seat = seatOf(step.token.id);
    return seat === undefined || seat.status === "dormant" ? "away" : "device taken";
  };
  return (
    <ol class="walk-strip" aria-label="The walk clockwise from the key" data-testid="walk">
      <li class="walk-key">
        <span class="walk-pin" aria-hidden="true">
          ▸
        </span>
        <span class="walk-name">{props.way.key}</span>
        <span class="walk-note">at {(props.way.position * 360).toFixed(1)}°</span>
      </li>
      <For each={props.way.steps}>
        {(step) => (
          <li
            class={`walk-step ${step.verdict}`}
            classList={{ lit: props.lit === step.token.id }}
            ref={(element) => width(element, step)}
            onPointerEnter={() => props.onLit(step.token.id)}
            onPointerLeave={() => props.onLit(undefined)}
          >
            <Show when={step.verdict === "owner"}>
              <span class="badge-dot owner">{step.rank}</span>
            </Show>
            <span class="walk-name">{seatOf(step.token.id)?.name ?? step.token.id.slice(0, 4)}</span>
            <span class="walk-note">
              {step.verdict === "owner" ? "owner" : step.verdict === "again" ? "met already" : passed(step)}
            </span>
          </li>
        )}
      </For>
    </ol>
  );
}
