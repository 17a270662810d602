// The plain form: put, get and delete any key of any bucket at a chosen level, and see what became of it.
import { createSignal, For, Match, onCleanup, Show, Switch } from "solid-js";
import type { Level, Read, Receipt, Value } from "../peer/package";
import { type Joined, type Peer, type PlainBucket, plainBucketName } from "../peer/peer";
import { describe } from "../peer/trouble";
import type { Chosen, Desk } from "./desk";
import { ReceiptCard } from "./receipt";

const levels = [
  { level: "local", name: "Local", says: "this tab alone" },
  { level: "one", name: "One", says: "one other node" },
  { level: "quorum", name: "Quorum", says: "most owners: 2 of 3" },
  { level: "all", name: "All", says: "every owner" },
] as const satisfies readonly { level: Level; name: string; says: string }[];
type NamedLevel = (typeof levels)[number]["level"];

type Result =
  | { readonly is: "busy"; readonly text: string }
  | {
      readonly is: "receipt";
      readonly what: "put" | "delete";
      readonly target: Chosen;
      readonly owners: readonly string[];
    }
  | { readonly is: "read"; readonly target: Chosen; readonly read: Read<Value> }
  | { readonly is: "problem"; readonly message: string; readonly code: string | undefined };

export function KeyValue(props: { readonly peer: Peer; readonly desk: Desk }) {
  const { peer, desk } = props;
  const [bucket, setBucket] = createSignal(plainBucketName);
  const [key, setKey] = createSignal("greeting");
  const [value, setValue] = createSignal("hello");
  const [level, setLevel] = createSignal<NamedLevel>("quorum");
  const [result, setResult] = createSignal<Result>();
  const [receipt, setReceipt] = createSignal<Receipt>();
  let turn = 0;
  let unfollow = () => {};
  onCleanup(() => unfollow());

  async function run(
    text: string,
    act: (here: Joined, from: PlainBucket, target: Chosen, current: () => boolean) => Promise<void>,
  ) {
    const here = peer.joined();
    const mine = ++turn;
    if (here === undefined) {
      setResult({
        is: "problem",
        message: "The store is not open yet; see the note at the top of the page.",
        code: undefined,
      });
      return;
    }
    const target = { bucket: bucket().trim(), key: key() };
    setResult({ is: "busy", text });
    try {
      desk.look(target);
      await act(here, peer.bucketNamed(here, target.bucket), target, () => mine === turn);
    } catch (error) {
      const described = describe(error);
      if (mine === turn) setResult({ is: "problem", ...described });
      else peer.troubles.report(text, error);
    }
  }

  function showReceipt(here: Joined, what: "put" | "delete", target: Chosen, got: Receipt) {
    unfollow();
    unfollow = desk.follow(target, got, setReceipt);
    setResult({ is: "receipt", what, target, owners: here.mesh.preferenceList(target.bucket, target.key).owners });
  }
  const put = () =>
    run("Writing", async (here, from, target, current) => {
      const got = await from.put(target.key, valueTyped(value()), { level: level() });
      if (current()) showReceipt(here, "put", target, got);
    });
  const remove = () =>
    run("Deleting", async (here, from, target, current) => {
      const got = await from.delete(target.key, { level: level() });
      if (current()) showReceipt(here, "delete", target, got);
    });
  const get = () =>
    run("Reading", async (_here, from, target, current) => {
      const read = await from.get(target.key, { level: level() });
      if (current()) setResult({ is: "read", target, read });
    });
  const as = <K extends Result["is"]>(is: K) => {
    const now = result();
    return now?.is === is ? (now as Extract<Result, { is: K }>) : undefined;
  };

  return (
    <div class="kv">
      <form
        class="kv-form"
        data-testid="kv-form"
        onSubmit={(event) => {
          event.preventDefault();
          void put();
        }}
      >
        <div class="pair">
          <Field id="kv-bucket" label="Bucket" value={bucket()} set={setBucket} />
          <Field id="kv-key" label="Key" value={key()} set={setKey} />
        </div>
        <div class="field">
          <label for="kv-value">
            Value <span class="quiet">text, or JSON</span>
          </label>
          <textarea
            id="kv-value"
            data-testid="kv-value"
            rows={2}
            spellcheck={false}
            value={value()}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </div>
        <fieldset class="levels">
          <legend>
            Level <span class="quiet">how many must have it on disk before it counts as done</span>
          </legend>
          <For each={levels}>
            {(choice) => (
              <label class="level">
                <input
                  type="radio"
                  name="kv-level"
                  value={choice.level}
                  data-testid={`kv-level-${choice.level}`}
                  checked={level() === choice.level}
                  onChange={() => setLevel(choice.level)}
                />
                <span class="level-name">{choice.name}</span>
                <span class="level-says">{choice.says}</span>
              </label>
            )}
          </For>
        </fieldset>
        <div class="actions">
          <button type="submit" class="primary" data-testid="kv-put">
            Put
          </button>
          <button type="button" data-testid="kv-get" onClick={get}>
            Get
          </button>
          <button type="button" data-testid="kv-delete" onClick={remove}>
            Delete
          </button>
        </div>
      </form>
      <div class="kv-result" aria-live="polite" data-testid="kv-result" data-state={result()?.is ?? "none"}>
        <Switch
          fallback={<p class="kv-idle">Put something. Its receipt appears here and goes on rising as copies arrive.</p>}
        >
          <Match when={as("busy")}>{(now) => <p class="kv-idle">{now().text}…</p>}</Match>
          <Match when={as("receipt")}>
            {(now) => (
              <Show when={receipt()}>
                {(got) => (
                  <ReceiptCard
                    receipt={got()}
                    what={now().what}
                    target={now().target}
                    owners={now().owners}
                    desk={desk}
                  />
                )}
              </Show>
            )}
          </Match>
          <Match when={as("read")}>{(now) => <ReadCard read={now().read} target={now().target} desk={desk} />}</Match>
          <Match when={as("problem")}>
            {(now) => (
              <p class="field-problem" role="alert" data-testid="kv-problem" data-code={now().code}>
                {now().message} <Show when={now().code}>{(code) => <code>{code()}</code>}</Show>
              </p>
            )}
          </Match>
        </Switch>
      </div>
    </div>
  );
}

function Field(props: {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly set: (text: string) => void;
}) {
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      <input
        id={props.id}
        data-testid={props.id}
        type="text"
        autocomplete="off"
        spellcheck={false}
        value={props.value}
        onInput={(event) => props.set(event.currentTarget.value)}
      />
    </div>
  );
}

function ReadCard(props: { readonly read: Read<Value>; readonly target: Chosen; readonly desk: Desk }) {
  const siblings = () => props.read.siblings as readonly Value[];
  const answered = () => props.read.answered.map((id) => (props.desk.isSelf(id) ? "this tab" : props.desk.nameOf(id)));
  return (
    <article
      class="receipt"
      classList={{ met: props.read.met }}
      data-testid="kv-read"
      data-met={props.read.met}
      data-found={props.read.found}
      data-siblings={siblings().length}
    >
      <h3>
        {!props.read.found
          ? "Nothing under this key"
          : siblings().length > 1
            ? `${siblings().length} versions, written at the same time`
            : "Read"}
      </h3>
      <p class="receipt-key">
        <code>
          {props.target.bucket} / {props.target.key}
        </code>
      </p>
      <Show when={props.read.found && siblings().length <= 1}>
        <pre class="value" data-testid="kv-read-value">
          {shown(props.read.value)}
        </pre>
      </Show>
      <Show when={siblings().length > 1}>
        <ol class="siblings" data-testid="kv-siblings">
          <For each={siblings()}>
            {(sibling) => (
              <li data-testid="kv-sibling">
                <pre class="value">{shown(sibling)}</pre>
              </li>
            )}
          </For>
        </ol>
        <p class="receipt-sum">
          These are siblings: neither writer had seen the other. The store keeps both and leaves the choice to you; your
          next put replaces them.
        </p>
      </Show>
      <p class="receipt-sum">
        {props.read.met
          ? "Answered by"
          : `The level needs ${props.read.needed}; fewer could answer, so this is what is known by`}{" "}
        {answered().join(", ") || "this tab"}.
      </p>
    </article>
  );
}

/** JSON if it is JSON, else the text itself: nobody should have to quote a word. */
function valueTyped(text: string): Value {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return text;
  }
}

function shown(value: Value | undefined): string {
  if (typeof value === "string") return value;
  return (
    JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? `${part.length} bytes` : part), 2) ?? ""
  );
}
