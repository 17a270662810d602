// Two browsers that nothing brings together: a text goes over, a text comes back, and they are linked.
//
// Either side is one form. An invite may also come in the address (`#room=kitchen&invite=…`), as the QR code says it;
// then the form that answers is filled in already.
import { createEffect, createSignal, on, Show } from "solid-js";
import type { Mesh } from "../peer/package";
import type { Peer } from "../peer/peer";
import { inviteAddress, inviteInAddress } from "../peer/place";
import { describe } from "../peer/trouble";
import { Code } from "./code";

type Invite = Awaited<ReturnType<Mesh["createInvite"]>>;

export function Invites(props: { readonly peer: Peer }) {
  const { peer } = props;
  const [invite, setInvite] = createSignal<Invite>();
  const [given, setGiven] = createSignal("");
  const [received, setReceived] = createSignal(inviteInAddress());
  const [answer, setAnswer] = createSignal<string>();
  const [busy, setBusy] = createSignal<"making" | "completing" | "answering">();
  const [said, setSaid] = createSignal<string>();
  const [problem, setProblem] = createSignal<{ readonly side: "ours" | "theirs"; readonly text: string }>();

  // What was made for one node is nothing to the next.
  createEffect(
    on(peer.joined, () => {
      setInvite(undefined);
      setAnswer(undefined);
      setSaid(undefined);
      setProblem(undefined);
    }),
  );

  async function act(
    what: "making" | "completing" | "answering",
    side: "ours" | "theirs",
    work: (mesh: Mesh) => Promise<void>,
  ) {
    const here = peer.joined();
    if (here === undefined) {
      setProblem({ side, text: "This tab has not joined a room yet; see the note at the top of the page." });
      return;
    }
    setProblem(undefined);
    setSaid(undefined);
    setBusy(what);
    try {
      await work(here.mesh);
    } catch (error) {
      const { code, message } = describe(error);
      setProblem({ side, text: code === undefined ? message : `${message} (${code})` });
    } finally {
      setBusy(undefined);
    }
  }
  const make = () =>
    act("making", "ours", async (mesh) => {
      setInvite(undefined);
      setGiven("");
      setInvite(await mesh.createInvite());
    });
  const complete = (event: SubmitEvent) => {
    event.preventDefault();
    void act("completing", "ours", async () => {
      await invite()?.complete(given().trim());
      setInvite(undefined);
      setSaid("Linked. The room does the rest: everybody here will meet them.");
    });
  };
  const accept = (event: SubmitEvent) => {
    event.preventDefault();
    void act("answering", "theirs", async (mesh) => {
      setAnswer(undefined);
      setAnswer(await mesh.acceptInvite(textOf(received())));
    });
  };

  return (
    <div class="invites" data-testid="invites">
      <section class="invite-side" aria-labelledby="invite-ours">
        <h3 id="invite-ours">Invite somebody</h3>
        <div class="actions">
          <button
            type="button"
            classList={{ primary: invite() === undefined }}
            disabled={busy() !== undefined}
            data-testid="invite-make"
            onClick={make}
          >
            {busy() === "making"
              ? "Looking where this tab can be reached…"
              : invite()
                ? "Make another"
                : "Make an invite"}
          </button>
        </div>
        <Show when={invite()}>
          {(made) => (
            <>
              <Carried
                text={made().text}
                code={inviteAddress(peer.place(), made().text)}
                label="1. Send this, or let their camera see it. It is good for ten minutes, once."
                says="The invite as a QR code"
                testid="invite"
              />
              <form class="field" onSubmit={complete}>
                <label for="invite-given">2. What comes back from them</label>
                <textarea
                  id="invite-given"
                  data-testid="invite-given"
                  rows={3}
                  spellcheck={false}
                  autocomplete="off"
                  value={given()}
                  onInput={(event) => setGiven(event.currentTarget.value)}
                />
                <div class="actions">
                  <button type="submit" class="primary" disabled={busy() !== undefined} data-testid="invite-complete">
                    {busy() === "completing" ? "Linking…" : "Let them in"}
                  </button>
                </div>
              </form>
            </>
          )}
        </Show>
        <Show when={problem()?.side === "ours"}>
          <p class="field-problem" role="alert" data-testid="invite-problem">
            {problem()?.text}
          </p>
        </Show>
        <p class="quiet" aria-live="polite" data-testid="invite-said">
          {said()}
        </p>
      </section>
      <section class="invite-side" aria-labelledby="invite-theirs">
        <h3 id="invite-theirs">Answer an invite</h3>
        <form class="field" onSubmit={accept}>
          <label for="invite-received">The invite that you were given, for this very room</label>
          <textarea
            id="invite-received"
            data-testid="invite-received"
            rows={3}
            spellcheck={false}
            autocomplete="off"
            value={received()}
            onInput={(event) => setReceived(event.currentTarget.value)}
          />
          <div class="actions">
            <button type="submit" disabled={busy() !== undefined} data-testid="invite-accept">
              {busy() === "answering" ? "Answering…" : "Answer it"}
            </button>
          </div>
        </form>
        <Show when={answer()}>
          {(text) => (
            <Carried
              text={text()}
              code={text()}
              label="Send this back within three minutes: the link opens when they give it to their page."
              says="The answer as a QR code"
              testid="answer"
            />
          )}
        </Show>
        <Show when={problem()?.side === "theirs"}>
          <p class="field-problem" role="alert" data-testid="answer-problem">
            {problem()?.text}
          </p>
        </Show>
      </section>
    </div>
  );
}

/** A text to be carried: to copy, or for a camera. */
function Carried(props: {
  readonly text: string;
  readonly code: string;
  readonly label: string;
  readonly says: string;
  readonly testid: string;
}) {
  const [copied, setCopied] = createSignal<string>();
  const id = () => `${props.testid}-text`;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(props.text);
      setCopied(props.text);
    } catch {
      // No clipboard without a secure context: the text is selected instead, to be copied by hand.
      (document.getElementById(id()) as HTMLTextAreaElement | null)?.select();
    }
  };
  return (
    <div class="carried">
      <Code text={props.code} says={props.says} testid={`${props.testid}-code`} />
      <div class="field">
        <label for={id()}>{props.label}</label>
        <textarea id={id()} data-testid={id()} rows={7} readonly value={props.text} />
        <div class="actions">
          <button type="button" class="chip" onClick={copy} data-testid={`${props.testid}-copy`}>
            {copied() === props.text ? "Copied" : "Copy"}
          </button>
        </div>
      </div>
    </div>
  );
}

/** The invite in what was pasted: itself, or the whole link that the QR code holds. */
function textOf(pasted: string): string {
  const link = /[#&]invite=([\w-]+)/.exec(pasted);
  return link?.[1] ?? pasted.trim();
}
