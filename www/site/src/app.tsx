// The page: a first screen that makes the point, then one part per question. Order of reading is order in the
// document.
import type { JSX } from "solid-js";
import { createEffect, Show } from "solid-js";
import { PollCard } from "./class/ballot";
import { Board } from "./class/board";
import { createPoll, type Poll } from "./class/poll";
import { Cart } from "./panel/cart";
import { Controls, StateNotes } from "./panel/controls";
import { createDesk, type Desk } from "./panel/desk";
import { Everybody } from "./panel/everybody";
import { Figures } from "./panel/figures";
import { Foot } from "./panel/foot";
import { Head } from "./panel/head";
import { Intro, RingFigure } from "./panel/hero";
import { Invites } from "./panel/invite";
import { KeyValue } from "./panel/kv";
import { Log } from "./panel/log";
import { Lookup } from "./panel/lookup";
import { Members } from "./panel/members";
import { Notices } from "./panel/notices";
import { createPeer, type Peer } from "./peer/peer";

export function App() {
  const peer = createPeer();
  const desk = createDesk(peer);
  createEffect(() => {
    document.title = `${peer.label()} in ${peer.place().room} · Roundtable`;
  });
  const poll = createPoll(peer, desk);
  return (
    <>
      {/* No link: the fragment is the room's, and must not become the content's. */}
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      <Show when={peer.sight() === "table"} fallback={<Board peer={peer} desk={desk} poll={poll} />}>
        <Table peer={peer} desk={desk} poll={poll} />
      </Show>
    </>
  );
}

function Table(props: { readonly peer: Peer; readonly desk: Desk; readonly poll: Poll }) {
  const { peer, desk, poll } = props;
  return (
    <>
      <Head peer={peer} />
      <main id="main" tabindex="-1">
        <StateNotes peer={peer} />
        <Notices peer={peer} />
        <Show when={poll.question()}>
          <div class="poll-place">
            <PollCard poll={poll} here={desk.seats.filter((seat) => seat.status !== "dormant").length} />
          </div>
        </Show>
        <div class="hero">
          <Intro peer={peer} />
          <RingFigure peer={peer} desk={desk} />
          <Cart peer={peer} desk={desk} />
        </div>
        <Part
          id="members"
          title="Who is here"
          says={
            <>
              A <dfn>node</dfn> is one open tab; a <dfn>device</dfn> is one browser. A node's share is the part of the
              keys it keeps first. Copies go to different devices before they go to two tabs of one, so that a laptop
              may close. Other tabs may see this differently for a moment: news travels by <dfn>gossip</dfn>, each tab
              telling a few others what it has heard (Dynamo paper, §4.8).
            </>
          }
        >
          <Members desk={desk} />
        </Part>
        <Part
          id="lookup"
          title="Where a key lives"
          says={
            <>
              A hash turns a key into a place on the <dfn>ring</dfn>. From there, walk clockwise: the first different
              nodes you meet are its <dfn>owners</dfn>, the next ones <dfn>fallbacks</dfn> that stand in when an owner
              is away. Each node has many <dfn>tokens</dfn> on the ring, so shares stay even. Every tab computes the
              same list; nobody hands it out (§4.2, §4.3).
            </>
          }
        >
          <Lookup desk={desk} peer={peer} />
        </Part>
        <Part
          id="kv"
          title="Write and read"
          says={
            <>
              The tab where you press the button does the asking itself (it <dfn>coordinates</dfn>). A write is never
              refused for want of others: the <dfn>receipt</dfn> says how far it got, and goes on rising. Values written
              at the same time are both kept (<dfn>siblings</dfn>) until somebody who has seen both decides (§4.4,
              §4.5).
            </>
          }
        >
          <KeyValue peer={peer} desk={desk} />
        </Part>
        <Part
          id="controls"
          title="Break it"
          says={
            <>
              A room of equals is worth something if any of them may fail. These act on <strong>this tab alone</strong>,
              and what they do to the room is seen in the other tabs.
            </>
          }
        >
          <Controls peer={peer} desk={desk} />
        </Part>
        <Part
          id="journal"
          title="What happens meanwhile"
          says={
            <>
              Copies are evened out (<dfn>anti-entropy</dfn>, §4.7), shares move when tabs come and go, and a{" "}
              <dfn>hint</dfn>, a write kept for somebody who is away, goes home when they return (§4.6).{" "}
              <dfn>Convergence lag</dfn> is how long something has waited to be where it belongs.
            </>
          }
        >
          <Figures journal={peer.journal} />
          <Log journal={peer.journal} nameOf={peer.nameOf} />
        </Part>
        <Part
          id="everybody"
          title="The whole room, heard from here"
          says={
            <>
              Each node tells those it is linked with how it is doing. So every tab can show the whole, and none has to
              collect it. The figures are a few seconds old and rough, to within a fifth.
            </>
          }
        >
          <Everybody desk={desk} />
        </Part>
        <Part
          id="invite"
          title="Meet without a server"
          says={
            <>
              Tabs of one browser find each other by themselves, and a <dfn>rendezvous</dfn> introduces strangers. Where
              there is none, people can: an <dfn>invite</dfn> goes over by any way you like, its answer comes back, and
              the two are linked. From then on the tabs introduce everybody else to each other.
            </>
          }
        >
          <Invites peer={peer} />
        </Part>
      </main>
      <Foot />
    </>
  );
}

function Part(props: {
  readonly id: string;
  readonly title: string;
  readonly says: JSX.Element;
  readonly children: JSX.Element;
}) {
  return (
    <section class="part" aria-labelledby={`${props.id}-title`}>
      <div class="part-head">
        <h2 id={`${props.id}-title`}>{props.title}</h2>
        <p>{props.says}</p>
      </div>
      <div class="part-body">{props.children}</div>
    </section>
  );
}
