// The time bar: run and stand, how fast, one step, until when, and a bar to wind time back and forth.
import { createEffect, For, Show } from "solid-js";
import { speeds } from "./clock";
import type { Desk } from "./desk";
import { clockText, goalOffers, runFor, speedText } from "./goals";

export function Transport(props: { readonly desk: Desk }) {
  const { desk } = props;
  const { clock } = desk;
  let bar!: HTMLInputElement;
  // In this order: a value beyond the old end would be cut off.
  createEffect(() => {
    bar.max = String(Math.max(1, end()));
    bar.value = String(desk.now());
  });
  const end = () => Math.max(desk.told().end, desk.now());
  const words = () => {
    const goal = clock.goal();
    if (goal !== undefined && goal.words !== "") return `Until ${goal.words}…`;
    const happened = desk.happened();
    if (happened !== undefined) return happened;
    const ended = clock.ended();
    if (ended !== undefined) {
      return ended.met ? `After ${clockText(ended.ms)}: ${ended.words}.` : `Not met: ${ended.words}.`;
    }
    return "";
  };
  return (
    <section class="transport" aria-label="Time" data-testid="transport">
      <div class="transport-main">
        <button
          type="button"
          class="round"
          aria-label="Back to where time stood before"
          title="Back (B)"
          data-testid="back"
          onClick={desk.back}
        >
          <Icon path="M6 5v14M19 5 8.5 12 19 19Z" />
        </button>
        <button
          type="button"
          class="primary run"
          data-testid="run"
          aria-pressed={clock.playing()}
          aria-label={clock.playing() ? "Pause time" : "Let time run"}
          title="Run or pause (space)"
          onClick={clock.toggle}
        >
          <Icon path={clock.playing() ? "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z" : "M7 4.5v15L19 12Z"} />
          {clock.playing() ? "Pause" : "Run"}
        </button>
        <button
          type="button"
          class="round"
          aria-label="One happening further: a message, a timer, a disk"
          title="One happening (.)"
          data-testid="step"
          onClick={desk.step}
        >
          <Icon path="M18 5v14M5 5l10.5 7L5 19Z" />
        </button>
        <output class="clock" data-testid="clock" aria-label="The lab's time">
          {clockText(desk.now())}
        </output>
      </div>
      <div class="scrub">
        <label class="sr-only" for="scrub">
          Wind time
        </label>
        <input
          id="scrub"
          ref={bar}
          type="range"
          data-testid="scrub"
          min="0"
          step="1"
          aria-valuetext={`${clockText(desk.now())} of ${clockText(end())}`}
          onInput={(event) => desk.seek(Number(event.currentTarget.value))}
        />
        <span class="scrub-end quiet">{clockText(end())}</span>
      </div>
      <div class="speed">
        <label for="speed">Speed</label>
        <select id="speed" data-testid="speed" onChange={(event) => clock.setSpeed(Number(event.currentTarget.value))}>
          <For each={speeds}>
            {(speed) => (
              <option value={speed} selected={speed === clock.speed()}>
                {speedText(speed)}
              </option>
            )}
          </For>
        </select>
      </div>
      <div class="until-row">
        <div class="until" role="group" aria-label="Run until">
          <span class="until-says" aria-hidden="true">
            Run until
          </span>
          <For each={goalOffers}>
            {(offer) => (
              <button
                type="button"
                class="chip"
                data-testid={`until-${offer.name}`}
                title={`${offer.about} (${offer.key.toUpperCase()})`}
                onClick={() => runFor(offer.name, desk)}
              >
                {offer.label}
              </button>
            )}
          </For>
        </div>
        <p class="until-words" role="status" data-testid="goal-words">
          <Show when={words()}>{words()}</Show>
        </p>
      </div>
    </section>
  );
}

export function Icon(props: { readonly path: string }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d={props.path} />
    </svg>
  );
}
