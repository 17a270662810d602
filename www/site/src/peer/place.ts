// Where this tab sits: the room in the address, the node's label in the session.
//
// The room lives in the URL's fragment, which never reaches a server, so that a link is an invitation. The label
// belongs to this tab alone: sessionStorage survives a reload and ends with the tab. The room's
// secret, if it has one, stands beside it (`#room=kitchen&secret=…`), so the link admits whom it is given to.
const defaultRoom = "lobby";
const labelKey = "roundtable.label";
const roomBytesMax = 256;
const labelBytesMax = 64;

export interface Place {
  readonly room: string;
  readonly secret: string | undefined;
}

/** The room in the address. One whose link cannot be read is the lobby's, and `addressProblem` says why. */
export function placeFromAddress(): Place {
  const found = placeInLink(location.hash);
  return "problem" in found ? { room: defaultRoom, secret: undefined } : found;
}

/** How the room is looked at: as a participant, or as the board on a classroom's wall. */
export type Sight = "table" | "board";
export function sightInAddress(): Sight {
  return new URLSearchParams(location.hash.slice(1)).get("view") === "board" ? "board" : "table";
}

/** The room's own address as seen on the wall. */
export function boardAddress(place: Place): string {
  return `${addressOf(place)}&view=board`;
}

const secretBytesMax = 1024;

/**
 * Which room a link leads to, or what is wrong with it. A whole link, its fragment, or a room's bare name will do: people
 * paste all three. A link that was cut short or garbled must not lead somewhere else without a word.
 */
export function placeInLink(link: string): Place | { readonly problem: string } {
  const text = link.trim();
  if (text === "") return { problem: "Paste a room's link here, or type a room's name." };
  const mark = text.indexOf("#");
  if (mark === -1 && /^[a-z]+:/i.test(text)) {
    return { problem: "This link names no room: what comes after # is missing. Ask for the whole link." };
  }
  if (mark === -1 && !text.includes("=")) return checked({ room: text, secret: undefined });
  const fragment = new URLSearchParams(text.slice(mark + 1));
  const room = fragment.get("room")?.trim() ?? "";
  if (room === "") return { problem: "This link names no room: it should end in #room= and a name." };
  return checked({ room, secret: fragment.get("secret") || undefined });
}

function checked(place: Place): Place | { readonly problem: string } {
  const { room, secret = "" } = place;
  if (room.includes("\ufffd") || secret.includes("\ufffd")) {
    return { problem: "This link was damaged on its way: some of its letters cannot be read. Ask for it again." };
  }
  const problem = roomProblem(room);
  if (problem !== undefined) return { problem };
  if (new TextEncoder().encode(secret).length > secretBytesMax) {
    return { problem: `A room's secret has at most ${secretBytesMax} bytes; the one in this link has more.` };
  }
  return place;
}

/** What is wrong with this page's own address, in a sentence; nothing if it names a room, or has no fragment at all. */
export function addressProblem(): string | undefined {
  if (location.hash.length <= 1) return undefined;
  const found = placeInLink(location.hash);
  return "problem" in found ? found.problem : undefined;
}

/** 128 random bits: strong enough that nobody guesses their way into the room. */
export function freshSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A room's name that one can say across a classroom. */
export function freshRoomName(): string {
  return `${anyOf(colours)}-${anyOf(animals)}-${anyOf(animals)}`.toLowerCase();
}

export function addressOf(place: Place): string {
  const fragment = new URLSearchParams({ room: place.room });
  if (place.secret !== undefined) fragment.set("secret", place.secret);
  const url = new URL(location.href);
  url.hash = fragment.toString();
  return url.href;
}

/** The address that brings somebody into this room with an invite in hand. */
export function inviteAddress(place: Place, invite: string): string {
  return `${addressOf(place)}&invite=${invite}`;
}

/** The invite that came with the address, or nothing. */
export function inviteInAddress(): string {
  return new URLSearchParams(location.hash.slice(1)).get("invite") ?? "";
}

/** What is wrong with a room's name, in a sentence; nothing if it will do. */
export function roomProblem(room: string): string | undefined {
  if (room.trim() === "") return "A room needs a name.";
  const bytes = new TextEncoder().encode(room.trim()).length;
  return bytes > roomBytesMax ? `A room's name has at most ${roomBytesMax} bytes; this one has ${bytes}.` : undefined;
}

/** What is wrong with a node's label, in a sentence; nothing if it will do. */
export function labelProblem(label: string): string | undefined {
  if (label.trim() === "") return "This tab needs a name.";
  const bytes = new TextEncoder().encode(label.trim()).length;
  return bytes > labelBytesMax ? `A label has at most ${labelBytesMax} bytes; this one has ${bytes}.` : undefined;
}

const colours =
  "Amber Azure Birch Brass Cedar Clay Cobalt Copper Coral Dusk Fern Flint Frost Hazel Honey Ivory Jade " +
  "Linen Maple Mint Moss Ochre Olive Opal Pearl Plum Quartz Rose Rust Sable Sage Silver Slate Teal Umber Willow";
const animals =
  "Badger Bee Crane Crow Deer Dove Eel Egret Elk Finch Fox Gecko Goose Hare Hawk Heron Ibex Jay Kite " +
  "Lark Lynx Marten Mole Moth Newt Orca Otter Owl Pike Puffin Quail Raven Robin Seal Stoat Swan Swift Tern Toad " +
  "Trout Vole Wren";

function anyOf(words: string): string {
  const list = words.split(" ");
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return list[random % list.length] ?? "";
}

/** This tab's label: what it was called before the reload, else a name of its own. */
export function sessionLabel(): string {
  try {
    const kept = sessionStorage.getItem(labelKey);
    if (kept) return kept;
  } catch {
    // Storage is forbidden here; the name then lasts as long as the page, which is all that is lost.
  }
  const fresh = `${anyOf(colours)} ${anyOf(animals)}`;
  keepLabel(fresh);
  return fresh;
}

export function keepLabel(label: string): void {
  try {
    sessionStorage.setItem(labelKey, label);
  } catch {
    // As above: nothing but the name's memory is lost.
  }
}
