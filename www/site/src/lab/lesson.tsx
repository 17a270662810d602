// The lesson on the table: what is said, the prediction that is asked for, and, once it has happened, the reveal.
import { createEffect, For, Show } from "solid-js";
import type { Desk } from "./desk";
import type { Player } from "./player";

export function LessonCard(props: { readonly player: Player; readonly desk: Desk; readonly onList: () => void }) {
  const { player, desk } = props;
  return (
    <Show when={player.lesson()}>
      {(lesson) => (
        <section class="lesson" aria-labelledby="lesson-title" data-testid="lesson" data-phase={player.phase()}>
          <header class="lesson-head">
            <h2 id="lesson-title">{lesson().title}</h2>
            <span class="quiet" data-testid="lesson-step">
              {player.index() + 1} of {lesson().steps.length} · {lesson().paper}
            </span>
          </header>
          <Words player={player} desk={desk} />
          <div class="lesson-foot">
            <div class="actions">
              <button
                type="button"
                data-testid="lesson-back"
                disabled={player.index() === 0 && player.phase() === "say"}
                onClick={player.previous}
              >
                Back
              </button>
              <Forward player={player} desk={desk} />
            </div>
            <div class="actions">
              <button type="button" class="link-like" data-testid="lesson-list" onClick={() => props.onList()}>
                All lessons
              </button>
              <button type="button" class="link-like" data-testid="lesson-close" onClick={player.close}>
                Close lesson
              </button>
            </div>
          </div>
        </section>
      )}
    </Show>
  );
}

function Words(props: { readonly player: Player; readonly desk: Desk }) {
  const { player } = props;
  let words!: HTMLDivElement;
  // The next step's words are read from their beginning.
  createEffect(() => {
    player.index();
    words.scrollTop = 0;
  });
  const ask = () => player.step()?.ask ?? undefined;
  return (
    <div class="lesson-words" ref={words} role="region" aria-label="The lesson's words" aria-live="polite" tabindex="0">
      <p class="lesson-say" data-testid="lesson-say">
        {player.step()?.say}
      </p>
      <Show when={ask()}>
        {(asked) => (
          <fieldset class="ask-box" data-testid="lesson-ask">
            <legend>{asked().question}</legend>
            <div class="choices">
              <For each={asked().choices}>
                {(text, i) => (
                  <label
                    class="choice"
                    classList={{
                      right: player.phase() === "done" && i() === asked().answer,
                      past: player.phase() === "done" && i() !== player.choice() && i() !== asked().answer,
                      wrong: player.phase() === "done" && i() === player.choice() && i() !== asked().answer,
                    }}
                  >
                    <input
                      type="radio"
                      name="prediction"
                      checked={player.choice() === i()}
                      disabled={player.phase() !== "say"}
                      onChange={() => player.choose(i())}
                    />
                    <span class="choice-words">
                      {text}
                      <Show when={player.phase() === "done" && i() === asked().answer}>
                        <span class="verdict"> ✓ so it is</span>
                      </Show>
                      <Show when={player.phase() === "done" && i() === player.choice() && i() !== asked().answer}>
                        <span class="verdict"> your prediction</span>
                      </Show>
                    </span>
                  </label>
                )}
              </For>
            </div>
          </fieldset>
        )}
      </Show>
      <Show when={player.phase() === "done" && ask()}>
        {(asked) => (
          <p class="reveal" data-testid="lesson-reveal">
            {asked().reveal}
          </p>
        )}
      </Show>
      <Show when={player.isLast() && player.phase() === "done"}>
        <SameTrace player={player} desk={props.desk} />
      </Show>
    </div>
  );
}

/** The lesson's file names the trace of its last moment; the tests check it natively. */
function SameTrace(props: { readonly player: Player; readonly desk: Desk }) {
  const isSame = () => props.desk.told().trace === props.player.lesson()?.trace;
  return (
    <p class="quiet" data-testid="lesson-trace" data-same={isSame()}>
      <Show
        when={isSame()}
        fallback={
          "Its trace is not that of the lesson's file any more: you did more than the lesson does, or moved on."
        }
      >
        Its trace is <code>{props.player.lesson()?.trace}</code>: to the last bit the run that the tests check natively.
      </Show>
    </p>
  );
}

function Forward(props: { readonly player: Player; readonly desk: Desk }) {
  const { player, desk } = props;
  return (
    <>
      <Show when={player.phase() === "say"}>
        <button
          type="button"
          class="primary"
          data-testid="lesson-go"
          disabled={player.waitsForChoice()}
          onClick={() => void player.go()}
        >
          {player.waitsForChoice() ? "First, your prediction" : player.acts() ? "Watch it happen" : "Reveal"}
        </button>
      </Show>
      <Show when={player.phase() === "running"}>
        <button type="button" class="primary" data-testid="lesson-pause" onClick={desk.clock.toggle}>
          {desk.clock.playing() ? "Pause" : "Go on"}
        </button>
        <button type="button" data-testid="lesson-finish" onClick={player.finishNow}>
          Skip to its end
        </button>
      </Show>
      <Show when={player.phase() === "done" && !player.isLast()}>
        <button type="button" class="primary" data-testid="lesson-next" onClick={player.next}>
          Next
        </button>
      </Show>
    </>
  );
}
