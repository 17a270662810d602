// The page's head: which room this is, what this tab is called, and whether anybody else is here.
//
// Both names are fields in disguise: they read as words and can be edited in place. Enter or leaving the field
// applies, Escape takes it back.
import { createEffect, createSignal, Show } from "solid-js";
import { Mark } from "../mark";
import type { Peer } from "../peer/peer";
import { boardAddress, labelProblem, roomProblem } from "../peer/place";
import { Rooms } from "./rooms";

export function Head(props: { readonly peer: Peer }) {
  const { peer } = props;
  return (
    <header class="head">
      <a class="brand" href="/" aria-label="Roundtable, the start page">
        <Mark />
        <span>Roundtable</span>
      </a>
      <div class="names">
        <NameField
          label="Room"
          testid="room-name"
          value={peer.place().room}
          problem={roomProblem}
          apply={peer.moveTo}
        />
        <NameField
          label="This tab"
          testid="node-label"
          value={peer.label()}
          apply={peer.rename}
          problem={labelProblem}
        />
      </div>
      <nav class="head-nav" aria-label="Roundtable">
        <Rooms peer={peer} />
        <a
          class="chip-link"
          href={boardAddress(peer.place())}
          data-testid="board-on"
          title="This room on a classroom's wall"
        >
          Board
        </a>
        <a class="chip-link" href="lab/" data-testid="lab" title="The same nodes in one page, with time in your hand">
          Lab
        </a>
        <a class="chip-link" href="guide/" data-testid="guide">
          Guide
        </a>
      </nav>
      <Presence peer={peer} />
    </header>
  );
}

export function Presence(props: { readonly peer: Peer }) {
  const words = () => {
    const phase = props.peer.phase();
    if (phase.is === "loading") return "Loading the store…";
    if (phase.is === "joining") return "Opening storage…";
    if (phase.is === "failed") return "Not joined";
    const members = props.peer.belief().members.filter((member) => member.status !== "departed");
    const here = members.filter((member) => member.status !== "dormant").length;
    const away = members.length - here;
    const links = members.filter((member) => member.linked && !member.self).length;
    const others = away === 0 ? "" : `, ${away} away`;
    if (here <= 1) return `Alone, and working${others}`;
    return `${here} here${others}, ${links} ${links === 1 ? "link" : "links"}`;
  };
  const introduced = () => {
    const known = [...props.peer.introducers().values()];
    if (known.length === 0) return undefined;
    return known.some(Boolean) ? "rendezvous reached" : "rendezvous gone, not needed";
  };
  return (
    <p class="presence" role="status" data-testid="presence" data-phase={props.peer.phase().is}>
      <span
        class="dot"
        classList={{ live: props.peer.phase().is === "here", bad: props.peer.phase().is === "failed" }}
        aria-hidden="true"
      />
      <span>{words()}</span>
      <Show when={introduced()}>
        {(text) => (
          <span
            class="quiet"
            title="The rendezvous introduces strangers; what is said goes from tab to tab, unless their network keeps them apart."
          >
            {text()}
          </span>
        )}
      </Show>
    </p>
  );
}

function NameField(props: {
  readonly label: string;
  readonly testid: string;
  readonly value: string;
  readonly problem: (text: string) => string | undefined;
  readonly apply: (text: string) => void;
}) {
  let input!: HTMLInputElement;
  const [problem, setProblem] = createSignal<string>();
  const id = `field-${props.testid}`;
  const fit = () => input.style.setProperty("--letters", String(Math.min(22, Math.max(4, input.value.length))));
  createEffect(() => {
    input.value = props.value;
    fit();
  });
  const commit = () => {
    const text = input.value.trim();
    const wrong = props.problem(text);
    setProblem(wrong);
    if (wrong === undefined && text !== props.value) props.apply(text);
  };
  const takeBack = () => {
    input.value = props.value;
    fit();
    setProblem(undefined);
  };
  return (
    <div class="name-field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        ref={input}
        data-testid={props.testid}
        type="text"
        maxlength={120}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={problem() !== undefined}
        aria-describedby={problem() === undefined ? undefined : `${id}-problem`}
        onInput={fit}
        onChange={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter") input.blur();
          if (event.key === "Escape") takeBack();
        }}
      />
      <Show when={problem()}>
        {(text) => (
          <span class="field-problem" id={`${id}-problem`} role="alert">
            {text()}
          </span>
        )}
      </Show>
    </div>
  );
}
