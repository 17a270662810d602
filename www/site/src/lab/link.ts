// The link is the state: everything that another browser needs to show the same is in the address after the #.
//
// What happened in the room is the lab's to write down and to read; this adds what the page itself shows: the lesson's
// step, the key, the viewpoint, the panel. A link that cannot be read is said so, and a room is opened all the same.
import { createEffect, onCleanup } from "solid-js";
import { type Desk, type Panel, panels } from "./desk";
import type { Phase, Player } from "./player";
import { firstWish, setupOf } from "./rooms";

const lessonPrefix = "lesson=";

interface Shown {
  readonly key: { readonly bucket: string; readonly key: string };
  readonly from?: string | undefined;
  readonly node?: string | undefined;
  readonly panel: Panel;
  readonly lesson?: string | undefined;
  readonly step?: number;
  readonly phase?: Phase;
  readonly choice?: number | undefined;
}

export function createLink(desk: Desk, player: Player) {
  let writing: number | undefined;

  /** The address of what is shown now. */
  function address(): string {
    const url = new URL(location.href);
    const lab = desk.histories.lab();
    if (lab === undefined) return url.href;
    lab.mark(JSON.stringify(shown()));
    url.hash = lab.link();
    return url.href;
  }

  function shown(): Shown {
    const lesson = player.lesson();
    return {
      key: desk.key(),
      from: desk.seenFrom(),
      node: desk.node(),
      panel: desk.panel(),
      ...(lesson === undefined
        ? {}
        : { lesson: lesson.id, step: player.index(), phase: player.phase(), choice: player.choice() }),
    };
  }

  /** Opens what the address says; if it says nothing or nothing that can be read, the first room. */
  function open() {
    const fragment = location.hash.slice(1);
    if (fragment === "") return openFirst();
    if (fragment.startsWith(lessonPrefix)) {
      if (!player.begin(lessonOf(fragment))) openFirst();
      return;
    }
    player.close();
    if (!desk.open("Opening this link", () => desk.labs.from_link(fragment), undefined)) return openFirst();
    restore(desk.histories.lab()?.marked() ?? "");
  }

  function openFirst() {
    const first = setupOf(firstWish);
    if ("problem" in first) throw new Error(first.problem);
    player.close();
    desk.open("Opening the first room", () => new desk.labs(JSON.stringify(first.setup)), first.setup);
  }

  function restore(text: string) {
    if (text === "") return;
    let found: Partial<Shown>;
    try {
      found = JSON.parse(text);
    } catch {
      desk.troubles.report(
        "Opening this link",
        new Error("What was open in the page is not in it; the room itself is."),
      );
      return;
    }
    if (typeof found.key?.bucket === "string" && typeof found.key.key === "string") desk.setKey(found.key);
    if (typeof found.from === "string") desk.setSeenFrom(found.from);
    if (typeof found.node === "string") desk.setNode(found.node);
    if (panels.some((panel) => panel === found.panel)) desk.setPanel(found.panel ?? "act");
    if (typeof found.lesson === "string") {
      player.resume(found.lesson, found.step ?? 0, found.phase ?? "say", found.choice);
    }
  }

  /** Keeps the address up to date while time stands; while it runs, that would be many links a second. */
  createEffect(() => {
    desk.version();
    desk.panel();
    desk.node();
    player.index();
    player.phase();
    player.choice();
    if (desk.clock.playing() || desk.histories.lab() === undefined) return;
    window.clearTimeout(writing);
    writing = window.setTimeout(() => {
      try {
        history.replaceState(null, "", address());
      } catch (error) {
        desk.troubles.report("Putting this state into the address", error);
      }
    }, 300);
  });

  /** Another link put into the address bar by hand. */
  const changed = () => open();
  window.addEventListener("hashchange", changed);
  onCleanup(() => {
    window.clearTimeout(writing);
    window.removeEventListener("hashchange", changed);
  });
  return { address, open, openFirst };
}
export type Link = ReturnType<typeof createLink>;

export function lessonAddress(id: string): string {
  const url = new URL(location.href);
  url.hash = `${lessonPrefix}${id}`;
  return url.href;
}

function lessonOf(fragment: string): string {
  const id = fragment.slice(lessonPrefix.length);
  try {
    return decodeURIComponent(id);
  } catch {
    return id; // whoever looks for it will say that there is no such lesson
  }
}
