// The first screen: one sentence, one button, and the ring. Two windows side by side should need no more.
import { createSignal, Show } from "solid-js";
import type { Peer } from "../peer/peer";
import { addressOf } from "../peer/place";
import { Ring } from "../ring/ring";
import { copyText } from "./copy";
import type { Desk } from "./desk";

const copiedForMs = 2500;

export function Intro(props: { readonly peer: Peer }) {
  const [copied, setCopied] = createSignal<"yes" | "no">();
  const address = () => addressOf(props.peer.place());
  const openTab = () => window.open(address(), "_blank", "noopener");
  const openBeside = () => {
    const width = Math.round(screen.availWidth / 2);
    window.open(address(), "_blank", `noopener,popup,width=${width},height=${screen.availHeight},left=${width},top=0`);
  };
  const copy = async () => {
    // Without a secure context there is no clipboard: the link is shown instead, to be copied by hand.
    setCopied((await copyText(address(), "link-by-hand")) ? "yes" : "no");
    if (copied() === "yes") setTimeout(() => setCopied(undefined), copiedForMs);
  };
  return (
    <div class="intro">
      <h1>A round table has no&nbsp;head.</h1>
      <p class="lede">
        This is a database without a server. Every tab that opens this page keeps part of the data, answers any request,
        and stands in for those who leave. Close any of them, even the first.
      </p>
      <div class="actions">
        <button type="button" class="primary" data-testid="open-tab" onClick={openTab}>
          Open another tab
        </button>
        <button type="button" class="beside" data-testid="open-beside" onClick={openBeside}>
          Open beside
        </button>
        <button type="button" data-testid="copy-link" onClick={copy}>
          {copied() === "yes" ? "Link copied" : "Copy link"}
        </button>
      </div>
      <Show when={copied() === "no"}>
        <p class="copy-by-hand">
          <label for="link-by-hand">This page may not use the clipboard here. Copy the link yourself:</label>
          <input
            id="link-by-hand"
            type="text"
            readonly
            value={address()}
            onFocus={(event) => event.currentTarget.select()}
          />
        </p>
      </Show>
    </div>
  );
}

export function RingFigure(props: { readonly peer: Peer; readonly desk: Desk }) {
  const { peer, desk } = props;
  const words = () => {
    const phase = peer.phase().is;
    if (phase === "failed") return "This tab has no seat yet.";
    if (phase !== "here") return "Taking a seat…";
    return desk.seats.length === 1 ? "You have the table to yourself. Open another tab." : undefined;
  };
  return (
    <figure class="ring-figure">
      <Ring
        seats={desk.seats}
        tokens={peer.belief().tokens}
        way={desk.way()}
        confirmed={desk.confirmed()}
        lit={desk.lit()}
        onLit={desk.setLit}
        trips={desk.trips}
      />
      <Show when={words()}>{(text) => <p class="ring-words">{text()}</p>}</Show>
      <figcaption data-testid="belief">
        <strong>What this tab believes.</strong> Each circle is a tab; the number is its share of the keys. Inked strips
        on the rim are the stretches it owns, lines are this tab's own links. Blue leads from one key to the tabs that
        own a copy, solid once they have confirmed what this tab wrote.
      </figcaption>
    </figure>
  );
}
