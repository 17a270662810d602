// The board on the classroom's wall: one view at a time, large, turned by the arrow keys or a presenter's remote.
//
// It is an ordinary tab, and an ordinary node: everything on it is what this tab believes, from gossip. The teacher's
// laptop may close its lid as well.
import { createSignal, For, Match, onCleanup, Show, Switch } from "solid-js";
import { Code } from "../panel/code";
import { StateNotes } from "../panel/controls";
import type { Desk } from "../panel/desk";
import { Everybody } from "../panel/everybody";
import { OverTime } from "../panel/figures";
import { Presence } from "../panel/head";
import { RingFigure } from "../panel/hero";
import { Notices } from "../panel/notices";
import { Rooms } from "../panel/rooms";
import type { Peer } from "../peer/peer";
import { addressOf } from "../peer/place";
import { PollCard, PollForm } from "./ballot";
import { Lids } from "./lids";
import type { Poll } from "./poll";

const views = [
  { id: "join", name: "Join" },
  { id: "ring", name: "Ring" },
  { id: "all", name: "Everybody" },
  { id: "poll", name: "Poll" },
  { id: "lids", name: "Lids" },
] as const;
type ViewId = (typeof views)[number]["id"];

const forward = new Set(["ArrowRight", "PageDown"]);
const back = new Set(["ArrowLeft", "PageUp"]);

export function Board(props: { readonly peer: Peer; readonly desk: Desk; readonly poll: Poll }) {
  const { peer, desk, poll } = props;
  const [view, setView] = createSignal<ViewId>("join");
  const here = () => desk.seats.filter((seat) => seat.status !== "dormant").length;
  const turn = (by: number) => {
    const at = views.findIndex(({ id }) => id === view());
    const next = views[(at + by + views.length) % views.length];
    if (next !== undefined) setView(next.id);
  };
  const onKey = (event: KeyboardEvent) => {
    const { target } = event;
    if (event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]") !== null) return;
    if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) return;
    // What can itself be scrolled by these keys keeps them.
    if (target instanceof HTMLElement && target.closest(".table-scroll") !== null) return;
    const by = forward.has(event.key) ? 1 : back.has(event.key) ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    turn(by);
  };
  window.addEventListener("keydown", onKey);
  onCleanup(() => window.removeEventListener("keydown", onKey));

  return (
    <div class="board" data-testid="board" data-view={view()}>
      <header class="board-head">
        <h1>
          <span class="quiet">Room</span> {peer.place().room}
        </h1>
        <nav class="board-nav" aria-label="Views of the board">
          <For each={views}>
            {({ id, name }) => (
              <button
                type="button"
                class="chip"
                aria-current={view() === id ? "page" : undefined}
                data-testid={`board-${id}`}
                onClick={() => setView(id)}
              >
                {name}
              </button>
            )}
          </For>
        </nav>
        <Presence peer={peer} />
        <div class="board-tools">
          <Rooms peer={peer} />
          <a class="chip-link" href={addressOf(peer.place())} data-testid="board-off">
            Back to the table
          </a>
        </div>
      </header>
      <main id="main" tabindex="-1" class="board-main">
        <StateNotes peer={peer} />
        <Notices peer={peer} />
        <Switch>
          <Match when={view() === "join"}>
            <section class="board-join" aria-labelledby="board-join">
              <Code
                text={addressOf(peer.place())}
                says={`The link to room ${peer.place().room} as a QR code`}
                testid="board-code"
              />
              <div>
                <h2 id="board-join">Point your camera here.</h2>
                <p class="board-count" data-testid="board-count">
                  <strong>{here()}</strong> {here() === 1 ? "node" : "nodes"} at this table
                </p>
                <p>
                  The page that opens is a <dfn>node</dfn>: it keeps a share of the data and answers any request. There
                  is no server to fail, and none to save you.
                </p>
                <p class="board-link">
                  <code>{addressOf(peer.place())}</code>
                </p>
                <ul class="board-names" aria-label="Who is here">
                  <For each={desk.seats}>{(seat) => <li class={`is-${seat.status}`}>{seat.name}</li>}</For>
                </ul>
              </div>
            </section>
          </Match>
          <Match when={view() === "ring"}>
            <section class="board-ring" aria-label="The ring">
              <RingFigure peer={peer} desk={desk} />
            </section>
          </Match>
          <Match when={view() === "all"}>
            <section class="board-all" aria-labelledby="board-all">
              <h2 id="board-all">Everybody, as this tab has heard</h2>
              <OverTime journal={peer.journal} whose="room" />
              <Everybody desk={desk} />
            </section>
          </Match>
          <Match when={view() === "poll"}>
            <section class="board-poll" aria-label="A poll">
              <Show
                when={poll.question()}
                fallback={
                  <div class="poll-idle">
                    <h2>Ask the room</h2>
                    <p>
                      Nobody counts the votes. Each is added to a <dfn>counter</dfn> in the tab that casts it, and all
                      tabs come to the same sum, whatever the order and however often they were apart (§4.4).
                    </p>
                  </div>
                }
              >
                <PollCard poll={poll} here={here()} />
              </Show>
              <PollForm poll={poll} />
            </section>
          </Match>
          <Match when={view() === "lids"}>
            <section class="board-lids" aria-labelledby="board-lids">
              <h2 id="board-lids">Close your lid now</h2>
              <Lids peer={peer} desk={desk} />
            </section>
          </Match>
        </Switch>
      </main>
    </div>
  );
}
