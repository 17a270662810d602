// Rooms: this one as a link and a QR code, a new one, or another one by its link.
//
// A room is made by being there: nobody keeps a list. One with a secret admits only who has its link, and the secret
// stands in the link's fragment, which no browser sends to a server.
import { createSignal, Show } from "solid-js";
import type { Peer } from "../peer/peer";
import { addressOf, freshRoomName, freshSecret, placeInLink, roomProblem } from "../peer/place";
import { Code } from "./code";
import { copyText } from "./copy";

export function Rooms(props: { readonly peer: Peer }) {
  const { peer } = props;
  let dialog!: HTMLDialogElement;
  const [isOpen, setOpen] = createSignal(false);
  const [name, setName] = createSignal("");
  const [isPrivate, setPrivate] = createSignal(true);
  const [link, setLink] = createSignal("");
  const [copied, setCopied] = createSignal<string>();
  const [problem, setProblem] = createSignal<{ readonly of: "name" | "link"; readonly text: string }>();

  const open = () => {
    setName(freshRoomName());
    setLink("");
    setProblem(undefined);
    setCopied(undefined);
    setOpen(true);
    dialog.showModal();
  };
  const create = (event: SubmitEvent) => {
    event.preventDefault();
    const room = name().trim();
    const wrong = roomProblem(room);
    if (wrong !== undefined) {
      setProblem({ of: "name", text: wrong });
      return;
    }
    peer.go({ room, secret: isPrivate() ? freshSecret() : undefined }, peer.sight());
    setProblem(undefined);
    setCopied(undefined);
  };
  const enter = (event: SubmitEvent) => {
    event.preventDefault();
    const found = placeInLink(link());
    if ("problem" in found) {
      setProblem({ of: "link", text: found.problem });
      return;
    }
    peer.go(found, peer.sight());
    dialog.close();
  };
  const address = () => addressOf(peer.place());
  const copy = async () => setCopied((await copyText(address(), "room-link")) ? address() : undefined);

  return (
    <>
      <button type="button" class="chip" data-testid="rooms-open" onClick={open} aria-haspopup="dialog">
        Rooms, QR code
      </button>
      <dialog
        ref={dialog}
        class="rooms"
        aria-labelledby="rooms-title"
        onClose={() => setOpen(false)}
        data-testid="rooms"
      >
        <Show when={isOpen()}>
          <header class="rooms-head">
            <h2 id="rooms-title">Room {peer.place().room}</h2>
            <button type="button" class="chip" data-testid="rooms-close" onClick={() => dialog.close()}>
              Close
            </button>
          </header>
          <div class="rooms-parts">
            <section class="rooms-share" aria-labelledby="rooms-share">
              <h3 id="rooms-share">Bring others in</h3>
              <Code text={address()} says={`The link to room ${peer.place().room} as a QR code`} testid="room-code" />
              <div class="field">
                <label for="room-link">
                  The link{" "}
                  <span class="quiet">{peer.place().secret === undefined ? "open to all" : "and its secret"}</span>
                </label>
                <input
                  id="room-link"
                  data-testid="room-link"
                  type="text"
                  readonly
                  value={address()}
                  onFocus={(event) => event.currentTarget.select()}
                />
              </div>
              <div class="actions">
                <button type="button" data-testid="room-copy" onClick={copy}>
                  {copied() === address() ? "Link copied" : "Copy link"}
                </button>
              </div>
            </section>
            <div class="rooms-forms">
              <form class="rooms-form" onSubmit={create} aria-labelledby="rooms-create">
                <h3 id="rooms-create">Make a room</h3>
                <div class="field">
                  <label for="room-new">Its name</label>
                  <input
                    id="room-new"
                    data-testid="room-new"
                    type="text"
                    autocomplete="off"
                    spellcheck={false}
                    aria-describedby={problem()?.of === "name" ? "room-new-problem" : undefined}
                    aria-invalid={problem()?.of === "name"}
                    value={name()}
                    onInput={(event) => setName(event.currentTarget.value)}
                  />
                </div>
                <label class="check">
                  <input
                    type="checkbox"
                    data-testid="room-private"
                    checked={isPrivate()}
                    onChange={(event) => setPrivate(event.currentTarget.checked)}
                  />
                  <span>
                    Only for who has the link{" "}
                    <span class="quiet">a secret of 128 random bits goes into it, and to no server</span>
                  </span>
                </label>
                <Show when={problem()?.of === "name"}>
                  <p class="field-problem" id="room-new-problem" role="alert">
                    {problem()?.text}
                  </p>
                </Show>
                <div class="actions">
                  <button type="submit" class="primary" data-testid="room-create">
                    Go there
                  </button>
                </div>
              </form>
              <form class="rooms-form" onSubmit={enter} aria-labelledby="rooms-enter">
                <h3 id="rooms-enter">Join a room</h3>
                <div class="field">
                  <label for="room-given">
                    Its link, or its name <span class="quiet">or point your camera at a QR code</span>
                  </label>
                  <input
                    id="room-given"
                    data-testid="room-given"
                    type="text"
                    autocomplete="off"
                    spellcheck={false}
                    aria-describedby={problem()?.of === "link" ? "room-given-problem" : undefined}
                    aria-invalid={problem()?.of === "link"}
                    value={link()}
                    onInput={(event) => setLink(event.currentTarget.value)}
                  />
                </div>
                <Show when={problem()?.of === "link"}>
                  <p class="field-problem" id="room-given-problem" role="alert" data-testid="room-problem">
                    {problem()?.text}
                  </p>
                </Show>
                <div class="actions">
                  <button type="submit" data-testid="room-join">
                    Join it
                  </button>
                </div>
              </form>
            </div>
          </div>
        </Show>
      </dialog>
    </>
  );
}
