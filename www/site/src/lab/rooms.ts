// Rooms to begin with: what the form "New room" makes of its numbers, and what is on the table when no link said
// anything.
import type { Level, NodeSetup, Setup } from "./contract";

export const nodesMax = 64;

export interface RoomWish {
  readonly nodes: number;
  readonly devices: number;
  readonly capacity: string; // one number, or several in turn: "256, 128, 64"
  readonly n: number;
  readonly r: Level;
  readonly w: Level;
  readonly seed: number;
  readonly plant: string;
  readonly net: string; // one of `nets`
}

/** How long a message is on its way. Slow ones are there to be seen. */
export const nets: readonly { readonly name: string; readonly says: string; readonly latency: [number, number] }[] = [
  { name: "country", says: "across a country: 40 to 120 ms", latency: [40, 120] },
  { name: "world", says: "across the world: 100 to 300 ms", latency: [100, 300] },
  { name: "room", says: "in one room: 2 to 10 ms", latency: [2, 10] },
];

export const firstWish: RoomWish = {
  nodes: 5,
  devices: 5,
  capacity: "32",
  n: 3,
  r: "quorum",
  w: "quorum",
  seed: 7,
  plant: "",
  net: "country",
};

// Short, told apart at a glance and by ear, in an order that is not the alphabet's.
const names = [
  ...["Otter", "Wren", "Lynx", "Heron", "Mole", "Finch", "Badger", "Newt", "Kite", "Hare", "Seal", "Crane"],
  ...["Vole", "Robin", "Stoat", "Carp", "Ibis", "Toad", "Marten", "Perch", "Gull", "Bison", "Swift", "Pike"],
  ...["Quail", "Adder", "Elk", "Owl", "Shrew", "Tench", "Raven", "Fox", "Plover", "Moth", "Grouse", "Eel"],
  ...["Jay", "Ram", "Dipper", "Skink", "Beetle", "Egret", "Urchin", "Cod", "Lark", "Mink", "Auk", "Wasp"],
  ...["Dove", "Goat", "Snipe", "Roach", "Ermine", "Crow", "Bat", "Trout", "Puffin", "Cricket", "Boar", "Smelt"],
  ...["Rook", "Frog", "Teal", "Hornet"],
];

/** A name that nobody at this table has. */
export function freeName(taken: ReadonlySet<string>): string {
  return names.find((name) => !taken.has(name)) ?? `node ${taken.size + 1}`;
}

/** A setup, or a sentence that says which number is wrong. */
export function setupOf(wish: RoomWish): { setup: Setup } | { problem: string } {
  const capacities = wish.capacity.split(/[\s,;/]+/).filter((part) => part !== "");
  const sizes = capacities.map(Number);
  if (!whole(wish.nodes, 2, nodesMax)) return { problem: `Choose 2 to ${nodesMax} nodes.` };
  if (!whole(wish.devices, 1, wish.nodes)) return { problem: `Choose 1 to ${wish.nodes} devices: each has a node.` };
  if (sizes.length === 0 || !sizes.every((size) => whole(size, 1, 256))) {
    return {
      problem: "A capacity is a number of tokens from 1 to 256; several, with commas between them, take turns.",
    };
  }
  if (!whole(wish.n, 1, 7)) return { problem: "Choose 1 to 7 copies of each key." };
  if (!whole(wish.seed, 0, Number.MAX_SAFE_INTEGER)) return { problem: "The seed is a whole number from 0 up." };
  const node = (index: number): NodeSetup => ({
    name: names[index] ?? `node ${index + 1}`,
    device: `device ${(index % wish.devices) + 1}`,
    capacity: sizes[index % sizes.length] ?? 32,
  });
  return {
    setup: {
      version: 1,
      seed: wish.seed,
      nodes: Array.from({ length: wish.nodes }, (_, i) => node(i)),
      n: wish.n,
      r: wish.r,
      w: wish.w,
      network: { latency: nets.find((net) => net.name === wish.net)?.latency ?? [40, 120] },
      ...(wish.plant === "" ? {} : { plant: wish.plant }),
    },
  };
}

function whole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
