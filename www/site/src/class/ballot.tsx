// The poll as everybody sees it, and the form with which the teacher asks.
import { createSignal, For, Index, Show } from "solid-js";
import { optionsMax, type Poll } from "./poll";

/** The open question with its answers: each a button, with its count as a bar and as a number. */
export function PollCard(props: { readonly poll: Poll; readonly here: number }) {
  const { poll } = props;
  return (
    <Show when={poll.question()}>
      {(question) => (
        <section class="poll" aria-labelledby="poll-question" data-testid="poll" data-total={poll.total()}>
          <h2 id="poll-question">{question().text}</h2>
          <ul class="poll-options">
            <For each={question().options}>
              {(option, i) => (
                <li>
                  <button
                    type="button"
                    class="poll-option"
                    aria-pressed={poll.mine() === i()}
                    data-testid="poll-vote"
                    data-count={poll.counts()[i()] ?? 0}
                    onClick={() => poll.vote(i())}
                  >
                    <span class="poll-text">{option}</span>
                    <span class="poll-count">
                      {poll.counts()[i()] ?? 0}
                      <span class="sr-only">{(poll.counts()[i()] ?? 0) === 1 ? " vote" : " votes"}</span>
                    </span>
                    <svg class="poll-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                      <rect width={(100 * (poll.counts()[i()] ?? 0)) / Math.max(1, poll.total())} height="4" />
                    </svg>
                  </button>
                </li>
              )}
            </For>
          </ul>
          <p class="quiet" aria-live="polite">
            {poll.total()} {poll.total() === 1 ? "vote" : "votes"}, {props.here} here.{" "}
            {poll.mine() === undefined
              ? ""
              : "Your vote counts here already, and everywhere as soon as they hear of it."}
          </p>
        </section>
      )}
    </Show>
  );
}

export function PollForm(props: { readonly poll: Poll }) {
  const { poll } = props;
  const [text, setText] = createSignal("");
  const [options, setOptions] = createSignal<readonly string[]>(["", ""]);
  const set = (at: number, word: string) => setOptions((all) => all.map((each, i) => (i === at ? word : each)));
  const ask = (event: SubmitEvent) => {
    event.preventDefault();
    poll.ask(
      text(),
      options().filter((option) => option.trim() !== ""),
    );
  };
  return (
    <form class="poll-form" onSubmit={ask}>
      <div class="field">
        <label for="poll-text">Question</label>
        <input
          id="poll-text"
          data-testid="poll-text"
          type="text"
          maxlength={120}
          autocomplete="off"
          value={text()}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <fieldset class="poll-words">
        <legend>Answers</legend>
        <Index each={options()}>
          {(option, i) => (
            <input
              type="text"
              aria-label={`Answer ${i + 1}`}
              data-testid="poll-option"
              maxlength={60}
              autocomplete="off"
              value={option()}
              onInput={(event) => set(i, event.currentTarget.value)}
            />
          )}
        </Index>
      </fieldset>
      <div class="actions">
        <button type="submit" class="primary" data-testid="poll-ask">
          Ask everybody
        </button>
        <button
          type="button"
          data-testid="poll-more"
          disabled={options().length >= optionsMax}
          onClick={() => setOptions([...options(), ""])}
        >
          One more answer
        </button>
        <Show when={poll.question()}>
          <button type="button" data-testid="poll-end" onClick={() => void poll.end()}>
            End the poll
          </button>
        </Show>
      </div>
      <Show when={poll.problem()}>
        {(words) => (
          <p class="field-problem" role="alert" data-testid="poll-problem">
            {words()}
          </p>
        )}
      </Show>
    </form>
  );
}
