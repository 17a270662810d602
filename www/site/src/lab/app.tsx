// The lab: the ring, the lesson, the panels, the time bar. Order of reading is order in the document.
import { createEffect, createSignal, For, Match, onMount, Show, Switch } from "solid-js";
import { flightKinds } from "../ring/ink";
import { Act } from "./act";
import type { LabClass } from "./contract";
import { createDesk, type Panel } from "./desk";
import { Dialog } from "./dialog";
import { Figures } from "./figures";
import { Head } from "./head";
import { Help } from "./help";
import { KeyPanel } from "./key";
import { listenToKeys } from "./keys";
import { LessonCard } from "./lesson";
import { LessonList } from "./lessons";
import { createLink } from "./link";
import { Log } from "./log";
import { Nodes } from "./nodes";
import { Notices } from "./notices";
import { createPlayer } from "./player";
import { NewRoom } from "./room";
import { SpaceTime } from "./spacetime";
import { Stage } from "./stage";
import { Tabs } from "./tabs";
import { Transport } from "./transport";
import { createVerbs } from "./verbs";

type Sheet = "help" | "lessons" | "room";

export function App(props: { readonly labs: LabClass }) {
  const desk = createDesk(props.labs);
  const player = createPlayer(desk);
  const verbs = createVerbs(desk);
  const link = createLink(desk, player);
  const [sheet, setSheet] = createSignal<Sheet>();
  const shut = () => setSheet(undefined);
  onMount(link.open);
  listenToKeys(desk, player, {
    help: () => setSheet("help"),
    lessons: () => setSheet("lessons"),
    stopOrStart: verbs.stopOrStart,
    wipe: verbs.wipeChosen,
    freeze: verbs.freezeChosen,
    seeAs: verbs.seeAs,
    fork: verbs.fork,
  });
  createEffect(() => {
    document.title = `${player.lesson()?.title ?? "Lab"} · Roundtable`;
  });
  const panel = (which: Panel) => (
    <Switch>
      <Match when={which === "act"}>
        <Act desk={desk} verbs={verbs} />
      </Match>
      <Match when={which === "key"}>
        <KeyPanel desk={desk} verbs={verbs} />
      </Match>
      <Match when={which === "nodes"}>
        <Nodes desk={desk} />
      </Match>
      <Match when={which === "time"}>
        <SpaceTime desk={desk} />
      </Match>
      <Match when={which === "log"}>
        <Log desk={desk} />
      </Match>
      <Match when={which === "figures"}>
        <Figures desk={desk} />
      </Match>
    </Switch>
  );
  return (
    <div class="lab" data-testid="lab">
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the ring
      </button>
      <Head
        desk={desk}
        verbs={verbs}
        link={link}
        onLessons={() => setSheet("lessons")}
        onRoom={() => setSheet("room")}
        onHelp={() => setSheet("help")}
      />
      <main id="main" class="lab-main" tabindex="-1">
        <Notices desk={desk} />
        <figure class="ring-side">
          <Stage desk={desk} />
          <figcaption>
            <Show when={desk.seenFrom()}>
              {(name) => (
                <p class="viewing" role="status" data-testid="viewing">
                  As <strong>{name()}</strong> sees it.{" "}
                  <button type="button" class="link-like" onClick={() => desk.setSeenFrom(undefined)}>
                    See as everybody together
                  </button>
                </p>
              )}
            </Show>
            <ul class="legend" aria-label="Messages by kind">
              <For each={flightKinds}>
                {(kind) => (
                  <li>
                    <span class={`kind-mark of-${kind}`} aria-hidden="true" />
                    {kind}
                  </li>
                )}
              </For>
            </ul>
          </figcaption>
        </figure>
        <div class="words-side">
          <Show when={player.lesson()} fallback={<Welcome onLessons={() => setSheet("lessons")} />}>
            <LessonCard player={player} desk={desk} onList={() => setSheet("lessons")} />
          </Show>
          <Tabs desk={desk} show={panel} />
        </div>
      </main>
      <Transport desk={desk} />
      <Dialog open={sheet() === "help"} title="Keys" testid="help" onClose={shut}>
        <Help />
      </Dialog>
      <Dialog open={sheet() === "lessons"} title="Lessons" testid="lessons" wide={true} onClose={shut}>
        <LessonList
          player={player}
          onBegin={(id) => {
            if (player.begin(id)) shut();
          }}
        />
      </Dialog>
      <Dialog open={sheet() === "room"} title="A new room" testid="room" wide={true} onClose={shut}>
        <NewRoom
          desk={desk}
          onOpened={() => {
            player.close();
            shut();
          }}
        />
      </Dialog>
    </div>
  );
}

function Welcome(props: { readonly onLessons: () => void }) {
  return (
    <section class="welcome" aria-label="What this is">
      <p>
        A whole room of nodes in this page: the very code that runs in the tabs, on a network whose time you hold. Press{" "}
        <strong>Run</strong>, kill somebody, write, wind back.{" "}
        <button type="button" class="link-like" onClick={() => props.onLessons()}>
          Or take a lesson
        </button>
      </p>
    </section>
  );
}
