// Writes and reads that were asked for, newest first: how many answered of how many that are needed, and what came.
import { createMemo, For, Show } from "solid-js";
import type { Request } from "./contract";
import type { Desk } from "./desk";
import { clockText } from "./goals";

const shownMax = 8;

export function Requests(props: { readonly desk: Desk }) {
  const { desk } = props;
  const list = createMemo(() => [...desk.told().requests].sort((a, b) => b.id - a.id).slice(0, shownMax));
  return (
    <Show when={list().length > 0}>
      <section class="deeds" aria-labelledby="requests-title">
        <h3 id="requests-title">Asked</h3>
        <ul class="requests" data-testid="requests">
          <For each={list()}>{(request) => <Row request={request} desk={desk} />}</For>
        </ul>
      </section>
    </Show>
  );
}

function Row(props: { readonly request: Request; readonly desk: Desk }) {
  const boxes = () => Math.max(props.request.needed, props.request.answered);
  const chosen = () => props.desk.request() === props.request.id;
  const state = () => {
    const { met, ended } = props.request;
    if (met === true) return "met";
    if (met === false) return "not met";
    return ended ? "over" : "waiting";
  };
  const holders = () => {
    const owners = props.request.owners.map((name) => props.desk.nameOf(name));
    const standIns = props.request.fallbacks.map((name) => `${props.desk.nameOf(name)} (standing in)`);
    return [...owners, ...standIns].join(", ");
  };
  return (
    <li
      class="request"
      classList={{ chosen: chosen() }}
      data-testid="request"
      data-id={props.request.id}
      data-met={String(props.request.met ?? "open")}
    >
      <button
        type="button"
        class="row-button"
        aria-pressed={chosen()}
        title="Run until quorum is about this one"
        onClick={() => props.desk.setRequest(props.request.id)}
      >
        {props.request.kind} {props.request.key} at {props.request.node}
      </button>
      <span class="answers" aria-hidden="true">
        <For each={Array.from({ length: boxes() }, (_, i) => i)}>
          {(i) => (
            <span class="answer" classList={{ here: i < props.request.answered, extra: i >= props.request.needed }} />
          )}
        </For>
      </span>
      <span class="request-says">
        {props.request.answered} of {props.request.needed} · <strong>{state()}</strong>
        <Show when={props.request.reached}> · reached {props.request.reached}</Show>
      </span>
      <span class="quiet request-more">
        {clockText(props.request.at)} · level {String(props.request.level)}
        <Show when={holders()}> · {holders()}</Show>
        <Show when={props.request.result}> · {props.request.result}</Show>
      </span>
    </li>
  );
}
