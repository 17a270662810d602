// Failures on purpose, of this tab alone: hold it still, pull a cable, leave for good. What they do to the room is seen
// in every other tab.
import { createSignal, For, Show } from "solid-js";
import type { Peer } from "../peer/peer";
import { describe } from "../peer/trouble";
import type { Desk } from "./desk";

const leavePatienceMs = 20_000;

export function Controls(props: { readonly peer: Peer; readonly desk: Desk }) {
  const { peer, desk } = props;
  const [leaving, setLeaving] = createSignal(false);
  const [said, setSaid] = createSignal<string>();
  const isHere = () => peer.phase().is === "here";
  const others = () => desk.seats.filter((seat) => !seat.self);

  const cutAll = (cut: boolean) => {
    for (const { id } of others()) if (peer.cuts().has(id) !== cut) peer.setCut(id, cut);
  };

  async function leave() {
    setSaid(undefined);
    setLeaving(true);
    if (peer.paused()) peer.setStill(false); // who is held still can hand nothing over
    try {
      if (!(await peer.leave(leavePatienceMs))) {
        setSaid("This tab stays: there was nobody on another device to hand everything to. Nothing was deleted.");
      }
    } catch (error) {
      setSaid(`Leaving failed, and this tab stays: ${describe(error).message}`);
    } finally {
      setLeaving(false);
    }
  }

  return (
    <div class="controls" data-testid="controls">
      <section class="control" aria-labelledby="control-pause">
        <h3 id="control-pause">Hold it still</h3>
        <p>
          As when a browser freezes a tab: its links stay open, and nobody answers. The others call it <em>suspect</em>{" "}
          within seconds, <em>dormant</em> within a minute, and the next nodes stand in (§4.6, §4.8).
        </p>
        <div class="actions">
          <button
            type="button"
            classList={{ primary: peer.paused() }}
            disabled={!isHere()}
            aria-pressed={peer.paused()}
            data-testid="pause"
            onClick={() => peer.setStill(!peer.paused())}
          >
            {peer.paused() ? "Go on" : "Pause this node"}
          </button>
        </div>
      </section>
      <section class="control" aria-labelledby="control-cut">
        <h3 id="control-cut">Pull a cable</h3>
        <p>
          Cuts this tab's direct link to one node. What they must tell each other then goes through others; with all
          cut, this tab is alone, and still works.
        </p>
        <Show when={others().length > 1}>
          <div class="actions">
            <button type="button" class="chip" disabled={!isHere()} data-testid="cut-all" onClick={() => cutAll(true)}>
              Cut all
            </button>
            <button
              type="button"
              class="chip"
              disabled={!isHere()}
              data-testid="mend-all"
              onClick={() => cutAll(false)}
            >
              Mend all
            </button>
          </div>
        </Show>
        <ul class="cables">
          <For each={others()} fallback={<li class="quiet">Nobody else is here yet.</li>}>
            {(seat) => (
              <li>
                <button
                  type="button"
                  class="chip"
                  disabled={!isHere()}
                  aria-pressed={peer.cuts().has(seat.id)}
                  data-testid="cut"
                  data-node-id={seat.id}
                  onClick={() => peer.setCut(seat.id, !peer.cuts().has(seat.id))}
                >
                  {peer.cuts().has(seat.id) ? `Mend: ${seat.name}` : `Cut: ${seat.name}`}
                </button>
              </li>
            )}
          </For>
        </ul>
      </section>
      <section class="control" aria-labelledby="control-leave">
        <h3 id="control-leave">Leave for good</h3>
        <p>
          Closing a tab needs no goodbye: it is expected back. Leaving hands over all that it keeps, and then forgets it
          (§4.9).
        </p>
        <div class="actions">
          <button type="button" disabled={!isHere() || leaving()} data-testid="leave" onClick={leave}>
            {leaving() ? "Handing over…" : "Leave the room"}
          </button>
        </div>
        <p class="quiet" aria-live="polite" data-testid="leave-said">
          {said()}
        </p>
      </section>
    </div>
  );
}

/** Above everything while it lasts: a node that is held still looks like a broken page otherwise. */
export function StateNotes(props: { readonly peer: Peer }) {
  const { peer } = props;
  return (
    <div role="status">
      <Show when={peer.paused()}>
        <p class="notice still" data-testid="paused-note">
          <span>
            <strong>This node is held still.</strong> It answers nobody, and what you ask of it waits.
          </span>
          <button type="button" class="chip" data-testid="resume" onClick={() => peer.setStill(false)}>
            Go on
          </button>
        </p>
      </Show>
      <Show when={peer.phase().is === "left"}>
        <p class="notice still" data-testid="left-note">
          <span>
            <strong>This tab has left the room.</strong> Everything it kept is with the others; nothing is kept here. If
            it joins again, it comes as somebody new.
          </span>
          <button type="button" class="chip" data-testid="join-again" onClick={peer.join}>
            Join again
          </button>
        </p>
      </Show>
      <Show when={peer.linkProblem()}>
        {(text) => (
          <p class="notice still" data-testid="link-problem">
            <span>
              <strong>The address of this page leads to no room.</strong> {text()} Until then this tab sits in the{" "}
              {peer.place().room}, where everything works.
            </span>
          </p>
        )}
      </Show>
    </div>
  );
}
