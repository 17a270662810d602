// The panel of deeds: to one node, to the network between nodes, to one message on its way.
import { createMemo, createSignal, For, Show } from "solid-js";
import type { LabNode } from "./contract";
import type { Desk } from "./desk";
import { clockText } from "./goals";
import { seated, type Verbs } from "./verbs";

export function Act(props: { readonly desk: Desk; readonly verbs: Verbs }) {
  return (
    <div class="act">
      <NodeDeeds desk={props.desk} verbs={props.verbs} />
      <NetworkDeeds desk={props.desk} verbs={props.verbs} />
      <MessageDeeds desk={props.desk} verbs={props.verbs} />
    </div>
  );
}

function NodeDeeds(props: { readonly desk: Desk; readonly verbs: Verbs }) {
  const { desk, verbs } = props;
  const node = createMemo(() => verbs.chosen());
  return (
    <section class="deeds" aria-labelledby="deeds-node">
      <h3 id="deeds-node">A node</h3>
      <div class="row">
        <NodeSelect
          desk={desk}
          label="Node"
          testid="act-node"
          value={desk.node()}
          none="choose one, here or on the ring"
          onChange={desk.setNode}
        />
        <button type="button" data-testid="add-node" onClick={verbs.add}>
          Add a node
        </button>
      </div>
      <Show
        when={node()}
        fallback={
          <p class="quiet">
            A <dfn>node</dfn> is one tab that keeps part of the data (Dynamo §4.1). Stop one and see who stands in.
          </p>
        }
      >
        {(known) => <Deeds node={known()} desk={desk} verbs={verbs} />}
      </Show>
    </section>
  );
}

function Deeds(props: { readonly node: LabNode; readonly desk: Desk; readonly verbs: Verbs }) {
  const { desk, verbs } = props;
  const name = () => props.node.name;
  return (
    <>
      <div class="actions">
        <Show
          when={props.node.open}
          fallback={
            <button type="button" class="primary" data-testid="start" onClick={() => verbs.start(name())}>
              Start
            </button>
          }
        >
          <button
            type="button"
            data-testid="kill"
            title="It dies without a word; the others must notice (K)"
            onClick={() => verbs.crash(name())}
          >
            Kill
          </button>
          <button
            type="button"
            data-testid="close"
            title="It says goodbye and keeps its data, as a closed laptop does"
            onClick={() => verbs.close(name())}
          >
            Close
          </button>
          <button
            type="button"
            data-testid="leave"
            title="It hands everything over and is gone for good (Dynamo §4.9)"
            onClick={() => verbs.leave(name())}
          >
            Leave for good
          </button>
          <button
            type="button"
            data-testid="freeze"
            aria-pressed={props.node.frozen}
            title="Its page stands still, its links stay open (Z)"
            onClick={() => verbs.freeze(props.node)}
          >
            {props.node.frozen ? "Thaw" : "Freeze"}
          </button>
          <button
            type="button"
            data-testid="fill-disk"
            aria-pressed={props.node.diskFull}
            title="Its disk refuses every write"
            onClick={() => verbs.fill(props.node)}
          >
            {props.node.diskFull ? "Free its disk" : "Fill its disk"}
          </button>
        </Show>
        <button
          type="button"
          data-testid="wipe"
          title="Its database is deleted; it is killed first (R)"
          onClick={() => verbs.wipe(props.node)}
        >
          Wipe its disk
        </button>
        <button
          type="button"
          data-testid="see-as"
          aria-pressed={desk.seenFrom() === name()}
          title="The ring shows what this node believes (V)"
          onClick={verbs.seeAs}
        >
          See as {name()} sees
        </button>
      </div>
      <Weight node={props.node} verbs={verbs} />
      <dl class="facts">
        <Fact term="keys" value={String(props.node.keys)} />
        <Fact term="hints" value={String(props.node.hints)} />
        <Fact term="links" value={String(props.node.links)} />
        <Fact term="tokens" value={String(props.node.capacity)} />
        <Fact term="device" value={props.node.device.replace(/^device /, "")} />
      </dl>
    </>
  );
}

const tokensMax = 256;

/** How many tokens it has: asked for in a field, so that a half-typed number moves nothing. */
function Weight(props: { readonly node: LabNode; readonly verbs: Verbs }) {
  const [wish, setWish] = createSignal<string>();
  const text = () => wish() ?? String(props.node.capacity);
  const give = (event: Event) => {
    event.preventDefault();
    props.verbs.weigh(props.node.name, Number(text()));
    setWish(undefined);
  };
  return (
    <form class="row" onSubmit={give}>
      <div class="field">
        <label for="tokens">Its tokens</label>
        <input
          id="tokens"
          data-testid="tokens"
          type="number"
          min="1"
          max={tokensMax}
          required
          value={text()}
          title="The more tokens a node has on the ring, the more of the data it owns (Dynamo §4.2)"
          onInput={(event) => setWish(event.currentTarget.value)}
        />
      </div>
      <button type="submit" data-testid="weigh">
        Give it these
      </button>
    </form>
  );
}

export function Fact(props: { readonly term: string; readonly value: string }) {
  return (
    <div>
      <dt>{props.term}</dt>
      <dd>{props.value}</dd>
    </div>
  );
}

function NetworkDeeds(props: { readonly desk: Desk; readonly verbs: Verbs }) {
  const { desk, verbs } = props;
  const { first, setFirst, second, setSecond } = verbs.link;
  const [aside, setAside] = createSignal<ReadonlySet<string>>(new Set());
  const names = createMemo(() => seated(desk).map((node) => node.name));
  const from = () => first() ?? desk.node() ?? names()[0];
  const to = () => second() ?? names().find((name) => name !== from());
  const two = (deed: (a: string, b: string) => void) => () => {
    const [a, b] = [from(), to()];
    if (a === undefined || b === undefined || a === b) {
      desk.troubles.report("Acting on a link", new Error("Choose two different nodes."));
    } else deed(a, b);
  };
  const toggle = (name: string) =>
    setAside((before) => {
      const after = new Set(before);
      if (!after.delete(name)) after.add(name);
      return after;
    });
  const part = () => {
    const left = names().filter((name) => aside().has(name));
    const right = names().filter((name) => !aside().has(name));
    if (left.length === 0 || right.length === 0) {
      desk.troubles.report(
        "Cutting the room in two",
        new Error("Choose some of the nodes, but not all, for one side."),
      );
    } else verbs.part([left, right]);
  };
  return (
    <section class="deeds" aria-labelledby="deeds-network">
      <h3 id="deeds-network">The network</h3>
      <p class="quiet">
        A <dfn>partition</dfn> cuts the room in two; both sides go on taking writes, which is the point (Dynamo §2.3).
      </p>
      <div class="row">
        <NodeSelect desk={desk} label="Between" testid="cut-from" value={from()} onChange={setFirst} />
        <NodeSelect desk={desk} label="and" testid="cut-to" value={to()} onChange={setSecond} />
        <button type="button" data-testid="cut" onClick={two(verbs.cut)}>
          Cut
        </button>
        <button
          type="button"
          data-testid="mend"
          title="What was cut between these two can pass again"
          onClick={two(verbs.mend)}
        >
          Mend
        </button>
        <button
          type="button"
          data-testid="hang-up"
          title="The link closes and may be made anew"
          onClick={two(verbs.hangUp)}
        >
          Hang up
        </button>
      </div>
      <fieldset class="sides" data-testid="sides">
        <legend>One side of a partition</legend>
        <For each={names()}>
          {(name) => (
            <label class="tick">
              <input type="checkbox" checked={aside().has(name)} onChange={() => toggle(name)} />
              {name}
            </label>
          )}
        </For>
      </fieldset>
      <div class="actions">
        <button type="button" data-testid="partition" onClick={part}>
          Cut in two
        </button>
        <button type="button" data-testid="heal" onClick={verbs.heal}>
          Heal everything
        </button>
      </div>
    </section>
  );
}

const shownMax = 12;
const delayMs = 1000;

function MessageDeeds(props: { readonly desk: Desk; readonly verbs: Verbs }) {
  const { desk, verbs } = props;
  const list = createMemo(() => {
    const all = [...desk.messages()].sort((a, b) => a.arrives - b.arrives);
    const chosen = all.find((message) => message.id === desk.message());
    const rest = all.filter((message) => message !== chosen);
    return (chosen === undefined ? rest : [chosen, ...rest]).slice(0, shownMax);
  });
  return (
    <section class="deeds" aria-labelledby="deeds-messages">
      <h3 id="deeds-messages">
        On the way <span class="quiet">{desk.messages().length}</span>
      </h3>
      <Show
        when={!desk.clock.playing()}
        fallback={<p class="quiet">Pause to take hold of a message, here or on the table.</p>}
      >
        <ul class="flights" data-testid="in-flight">
          <For each={list()} fallback={<li class="quiet">Nothing is on its way at this moment.</li>}>
            {(message) => (
              <li classList={{ chosen: message.id === desk.message() }} data-testid="flight" data-id={message.id}>
                <span class={`kind-mark of-${message.kind}`} aria-hidden="true" />
                <button type="button" class="row-button" onClick={() => desk.setMessage(message.id)}>
                  {message.from} → {message.to}
                </button>
                <span class="flight-what">
                  {message.what} <span class="quiet">in {clockText(message.arrives - desk.now())}</span>
                </span>
                <button
                  type="button"
                  class="chip"
                  aria-label={`+ 1 s. Delay the ${message.what} from ${message.from} to ${message.to}`}
                  onClick={() => verbs.delay(message.id, delayMs)}
                >
                  + 1 s
                </button>
                <button
                  type="button"
                  class="chip"
                  aria-label={`Drop the ${message.what} from ${message.from} to ${message.to}`}
                  onClick={() => verbs.drop(message.id)}
                >
                  Drop
                </button>
              </li>
            )}
          </For>
        </ul>
        <Show when={desk.messages().length > shownMax}>
          <p class="quiet">The next {shownMax} to arrive; any other can be picked on the table.</p>
        </Show>
      </Show>
    </section>
  );
}

export function NodeSelect(props: {
  readonly desk: Desk;
  readonly label: string;
  readonly testid: string;
  readonly value: string | undefined;
  readonly none?: string;
  readonly openOnly?: boolean;
  readonly onChange: (name: string | undefined) => void;
}) {
  const names = createMemo(
    () =>
      seated(props.desk)
        .filter((node) => node.open || !props.openOnly)
        .map((node) => node.name),
    undefined,
    { equals: (a, b) => a.length === b.length && a.every((name, i) => name === b[i]) },
  );
  return (
    <div class="field">
      <label for={props.testid}>{props.label}</label>
      <select
        id={props.testid}
        data-testid={props.testid}
        onChange={(event) => props.onChange(event.currentTarget.value || undefined)}
      >
        <Show when={props.none}>
          <option value="" selected={props.value === undefined}>
            {props.none}
          </option>
        </Show>
        <For each={names()}>
          {(name) => (
            <option value={name} selected={name === props.value}>
              {name}
            </option>
          )}
        </For>
      </select>
    </div>
  );
}
