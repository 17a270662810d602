// The lab's head: what this is, the lessons, a new room, the histories, and the link that is the state.
import { createSignal, For, Show } from "solid-js";
import { Mark } from "../mark";
import type { Desk } from "./desk";
import type { Link } from "./link";
import type { Verbs } from "./verbs";

const copiedForMs = 2500;

export function Head(props: {
  readonly desk: Desk;
  readonly verbs: Verbs;
  readonly link: Link;
  readonly onLessons: () => void;
  readonly onRoom: () => void;
  readonly onHelp: () => void;
}) {
  const { desk } = props;
  return (
    <header class="lab-head">
      <h1 class="lab-brand">
        <a class="brand" href="../" aria-label="Roundtable, the live page">
          <Mark />
          <span>Roundtable</span>
        </a>
        <span class="lab-word">Lab</span>
      </h1>
      <nav class="lab-nav" aria-label="The lab">
        <button type="button" data-testid="open-lessons" onClick={() => props.onLessons()}>
          Lessons
        </button>
        <button type="button" data-testid="open-room" onClick={() => props.onRoom()}>
          New room
        </button>
        <button
          type="button"
          data-testid="fork"
          title="Another history from this moment (F)"
          onClick={props.verbs.fork}
        >
          Fork
        </button>
        <CopyLink link={props.link} desk={desk} />
        <button
          type="button"
          class="round"
          data-testid="open-help"
          aria-label="Keys and help"
          onClick={() => props.onHelp()}
        >
          ?
        </button>
      </nav>
      <Show when={desk.histories.list().length > 1}>
        <Histories desk={desk} />
      </Show>
      <p class="trace quiet" title="A hash of all that has come out of any node: equal traces are equal runs">
        trace <code data-testid="trace">{desk.told().trace}</code>
      </p>
    </header>
  );
}

function Histories(props: { readonly desk: Desk }) {
  const { desk } = props;
  const { histories } = desk;
  return (
    <div class="histories" role="group" aria-label="Histories" data-testid="histories">
      <For each={histories.list()}>
        {(history) => (
          <span class="history">
            <button
              type="button"
              class="chip"
              aria-pressed={histories.current() === history}
              onClick={() => {
                desk.clock.cancel();
                histories.show(history);
                desk.refresh();
              }}
            >
              {history.name}
            </button>
            <button
              type="button"
              class="chip history-close"
              aria-label={`Close ${history.name}`}
              onClick={() => {
                desk.clock.cancel();
                histories.drop(history);
                desk.refresh();
              }}
            >
              ×
            </button>
          </span>
        )}
      </For>
    </div>
  );
}

function CopyLink(props: { readonly link: Link; readonly desk: Desk }) {
  const [copied, setCopied] = createSignal<"yes" | string>();
  const copy = async () => {
    const address = props.desk.attempt("Making the link", props.link.address);
    if (address === undefined) return;
    try {
      await navigator.clipboard.writeText(address);
      setCopied("yes");
      setTimeout(() => setCopied(undefined), copiedForMs);
    } catch {
      setCopied(address); // no clipboard without a secure context: the link is shown, to be copied by hand
    }
  };
  return (
    <>
      <button type="button" data-testid="copy-link" onClick={() => void copy()}>
        {copied() === "yes" ? "Link copied" : "Copy link"}
      </button>
      <Show when={copied() !== undefined && copied() !== "yes"}>
        <label class="copy-by-hand">
          Copy it yourself:
          <input type="text" readonly value={copied()} onFocus={(event) => event.currentTarget.select()} />
        </label>
      </Show>
    </>
  );
}
