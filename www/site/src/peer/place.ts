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

export function placeFromAddress(): Place {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const secret = fragment.get("secret");
  return {
    room: fragment.get("room")?.trim() || defaultRoom,
    secret: secret === null || secret === "" ? undefined : secret,
  };
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
