// A shopping cart that can always be added to, and the law by which its versions merge.
//
// The example is the Dynamo paper's own (§4.4, §6.1): "add to cart" must never be refused and never be lost, so two
// tabs may change the cart at the same time, and whoever reads next gets both versions. `unionOfItems` joins them:
// every item of any version, each with the larger quantity. The price is the paper's too: an item that one side
// removed while the other side still had it comes back. A sum would count twice what both had seen, so it is a
// maximum.
//
// Invariant: the merge is a maximum over a total order per name, hence commutative, associative and idempotent; and
// its result is sorted, so that equal carts are equal byte for byte.
export interface Item {
  readonly name: string;
  readonly quantity: number;
  readonly by: string; // the label of who changed it last
}
export interface Basket {
  readonly items: readonly Item[];
}

export const basketBucket = "carts";
export const basketKey = "table";
const nameLengthMax = 60;
const quantityMax = 999;

export function unionOfItems(versions: Basket[]): Basket {
  const items = new Map<string, Item>();
  for (const version of versions) {
    for (const item of itemsOf(version)) {
      const present = items.get(item.name);
      if (present === undefined || outranks(item, present)) items.set(item.name, item);
    }
  }
  return sorted(items);
}

/** What is readable in a value that some other page of this origin may have written under our key. */
export function itemsOf(value: unknown): Item[] {
  if (typeof value !== "object" || value === null || !("items" in value) || !Array.isArray(value.items)) return [];
  const items: Item[] = [];
  for (const entry of value.items as unknown[]) {
    if (typeof entry === "string") items.push({ name: entry, quantity: 1, by: "" });
    if (typeof entry !== "object" || entry === null || !("name" in entry) || typeof entry.name !== "string") continue;
    const quantity =
      "quantity" in entry && typeof entry.quantity === "number" && entry.quantity > 0 ? entry.quantity : 1;
    const by = "by" in entry && typeof entry.by === "string" ? entry.by : "";
    items.push({ name: entry.name, quantity, by });
  }
  return items;
}

/** The cart with `by` more (or fewer) of one item; at zero the item is gone. */
export function withMore(basket: Basket | undefined, name: string, more: number, by: string): Basket {
  const items = new Map(itemsOf(basket).map((item) => [item.name, item]));
  const quantity = Math.min(quantityMax, (items.get(name)?.quantity ?? 0) + more);
  if (quantity > 0) items.set(name, { name, quantity, by });
  else items.delete(name);
  return sorted(items);
}

/** One spelling per thing, so that two people who add tea add the same tea. */
export function itemName(typed: string): string {
  return typed.trim().replace(/\s+/g, " ").slice(0, nameLengthMax).toLowerCase();
}

function outranks(item: Item, present: Item): boolean {
  return item.quantity !== present.quantity ? item.quantity > present.quantity : item.by > present.by;
}

function sorted(items: ReadonlyMap<string, Item>): Basket {
  return { items: [...items.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)) };
}
