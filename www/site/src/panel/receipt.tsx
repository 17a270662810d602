// What became of a write, as it rises: which level was asked for, which is reached, and who has it on disk.
//
// An unmet level is an outcome, not an error: the write is kept here and travels when owners come. So it is drawn as
// a stair that still has steps to go, and said in words; colour only follows.
import { createMemo, For, Show } from "solid-js";
import type { Receipt } from "../peer/package";
import type { Chosen, Desk } from "./desk";

const steps = [
  { level: "local", name: "Here", says: "on this tab's disk" },
  { level: "one", name: "One other", says: "on one more node" },
  { level: "quorum", name: "Quorum", says: "on most owners" },
  { level: "all", name: "All", says: "on every owner" },
] as const;

export function ReceiptCard(props: {
  readonly receipt: Receipt;
  readonly target: Chosen;
  readonly what: "put" | "delete";
  readonly owners: readonly string[];
  readonly desk: Desk;
}) {
  const reached = () => steps.findIndex((step) => step.level === props.receipt.reached);
  const waiting = createMemo(() => props.owners.filter((id) => !props.receipt.owners.includes(id)));
  const rank = (id: string) => props.owners.indexOf(id) + 1;
  const selfApart = () =>
    ![...props.receipt.owners, ...props.receipt.fallbacks].some(props.desk.isSelf) &&
    !waiting().some(props.desk.isSelf);
  return (
    <article
      class="receipt"
      classList={{ met: props.receipt.met }}
      data-testid="kv-receipt"
      data-met={props.receipt.met}
      data-reached={props.receipt.reached}
      data-needed={props.receipt.needed}
      data-requested={props.receipt.requested}
      data-ended={props.receipt.ended ?? "open"}
      data-devices={props.receipt.devices}
    >
      <h3>{verdict(props.receipt, props.what)}</h3>
      <p class="receipt-key">
        <code>
          {props.target.bucket} / {props.target.key}
        </code>
      </p>
      <ol class="stair" aria-label="Levels reached">
        <For each={steps}>
          {(step, i) => (
            <li classList={{ done: i() <= reached(), asked: props.receipt.requested === step.level }}>
              <span class="stair-name">
                {step.name}
                <span class="sr-only">{i() <= reached() ? ", reached" : ", not yet"}</span>
              </span>
              <span class="stair-says">{props.receipt.requested === step.level ? "asked for" : step.says}</span>
            </li>
          )}
        </For>
      </ol>
      <ul class="copies" aria-label="Who has it">
        <For each={props.receipt.owners}>
          {(id) => (
            <Copy
              kind="owner"
              mark={rank(id) === 0 ? "✓" : String(rank(id))}
              name={props.desk.nameOf(id)}
              note={props.desk.isSelf(id) ? "this tab" : deviceNote(props.desk, id)}
            />
          )}
        </For>
        <For each={props.receipt.fallbacks}>
          {(id) => <Copy kind="fallback" mark="f" name={props.desk.nameOf(id)} note="stands in" />}
        </For>
        <Show when={selfApart()}>
          <Copy kind="held" mark="✓" name="This tab" note="holds it for the owners" />
        </Show>
        <For each={waiting()}>
          {(id) => <Copy kind="waiting" mark={String(rank(id))} name={props.desk.nameOf(id)} note="not yet" />}
        </For>
      </ul>
      <p class="receipt-sum">{sum(props.receipt)}</p>
    </article>
  );
}

function Copy(props: {
  readonly kind: "owner" | "fallback" | "held" | "waiting";
  readonly mark: string;
  readonly name: string;
  readonly note: string | undefined;
}) {
  return (
    <li class={`copy ${props.kind}`} data-testid={`copy-${props.kind}`}>
      <span class={`badge-dot ${props.kind}`} aria-hidden="true">
        {props.mark}
      </span>
      <span>{props.name}</span>
      <Show when={props.note}>
        <span class="quiet">{props.note}</span>
      </Show>
    </li>
  );
}

function deviceNote(desk: Desk, id: string): string | undefined {
  const letter = desk.deviceOf(id);
  return letter === undefined ? undefined : `device ${letter}`;
}

function verdict(receipt: Receipt, what: "put" | "delete"): string {
  if (receipt.ended === "superseded") return "Superseded by a newer write";
  if (receipt.ended === "closed") return "No longer followed: this tab left the room";
  if (!receipt.met) return "Kept here, will travel";
  return what === "put" ? "Written" : "Deleted";
}

function sum(receipt: Receipt): string {
  const asked = `Asked for ${levelWords(receipt)}, which needs ${receipt.needed}`;
  const have = receipt.owners.length + receipt.fallbacks.length;
  const devices = `${receipt.devices} ${receipt.devices === 1 ? "device" : "devices"}`;
  if (have === 0)
    return `${asked}; no owner has it yet. This tab holds it for them and hands it over when they are here.`;
  const nodes = `${have} ${have === 1 ? "node" : "nodes"} on ${devices}`;
  if (receipt.met) return `${asked}. Confirmed by ${nodes}.`;
  return `${asked}; so far ${nodes}. Nothing is refused or lost: the rest follows when owners are here.`;
}

function levelWords(receipt: Receipt): string {
  return typeof receipt.requested === "number" ? `${receipt.requested} copies` : receipt.requested;
}

/** One sentence for places with room for one. */
export function whereItIs(receipt: Receipt, isSelf: (id: string) => boolean): string {
  const others = [...receipt.owners, ...receipt.fallbacks].filter((id) => !isSelf(id)).length;
  if (others === 0) return "Kept here, will travel when somebody comes.";
  const devices = receipt.devices > 1 ? `, on ${receipt.devices} devices` : "";
  return `Kept here and by ${others} ${others === 1 ? "other" : "others"}${devices}.`;
}
