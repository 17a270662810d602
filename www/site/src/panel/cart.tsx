// The shopping cart: can always be added to, by anybody in the room, also while alone; versions are merged, and that
// is shown.
//
// It lives under one key and is watched, so that what others add appears by itself. When two tabs changed it at the
// same time the read has siblings: both versions are shown next to their union, and the next change writes the union
// back.
import { createEffect, createSignal, For, on, Show } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import { type Basket, basketBucket, basketKey, type Item, itemName, itemsOf, withMore } from "../peer/basket";
import type { Read, Receipt } from "../peer/package";
import type { Joined, Peer } from "../peer/peer";
import { describe } from "../peer/trouble";
import type { Desk } from "./desk";
import { whereItIs } from "./receipt";

const suggestions = ["tea", "bread", "apples", "honey", "cheese", "lemons", "rice", "plums"];
const suggestionsShown = 4;
/** Done once it is kept here: a cart waits for nobody. The copies follow, and the receipt goes on rising. */
const atOnce = { level: "local" } as const;
const target = { bucket: basketBucket, key: basketKey };

export function Cart(props: { readonly peer: Peer; readonly desk: Desk }) {
  const { peer, desk } = props;
  const [read, setRead] = createSignal<Read<Basket>>();
  const [items, setItems] = createStore<Item[]>([]);
  const [typed, setTyped] = createSignal("");
  const [receipt, setReceipt] = createSignal<Receipt>();
  const [problem, setProblem] = createSignal<string>();
  const [unfollow, setUnfollow] = createSignal<() => void>(() => {});

  let ours = 0; // changes of this tab that are under way: their echo is no news
  desk.withMesh((here) => {
    setReceipt(undefined);
    let first = true;
    return here.carts.watch(basketKey, (now) => {
      const before = JSON.stringify(items);
      setRead(() => now);
      setItems(reconcile(itemsOf(now.value), { key: "name" }));
      if (!first && ours === 0 && before !== JSON.stringify(items))
        desk.trips.tell({ to: here.mesh.id, arrival: true });
      first = false;
    });
  });
  createEffect(
    on(peer.joined, (here) => {
      if (here !== undefined) return;
      setRead(undefined);
      setItems([]);
      setProblem(undefined);
    }),
  );

  async function write(act: (here: Joined) => Promise<Receipt>) {
    const here = peer.joined();
    if (here === undefined) {
      setProblem("The store is not open yet; see the note at the top of the page.");
      return;
    }
    setProblem(undefined);
    desk.look(target);
    ours++;
    try {
      const got = await act(here);
      unfollow()();
      setUnfollow(() => desk.follow(target, got, setReceipt));
    } catch (error) {
      const { code, message } = describe(error);
      setProblem(code === undefined ? message : `${message} (${code})`);
    } finally {
      ours--;
    }
  }
  const more = (name: string, by: number) =>
    write((here) => here.carts.update(basketKey, (cart) => withMore(cart, name, by, peer.label()), atOnce));
  const settle = () => write((here) => here.carts.update(basketKey, (cart) => cart ?? { items: [] }, atOnce));
  /** Two writes that both say they have seen the same version: what two tabs do when they cannot hear each other. */
  const conflict = () =>
    write(async (here) => {
      const now = await here.carts.get(basketKey, { level: "local" });
      const [one = "tea", other = "bread"] = suggestions.filter(
        (name) => !itemsOf(now.value).some((item) => item.name === name),
      );
      const [receiptOfOne] = await Promise.all([
        here.carts.put(basketKey, withMore(now.value, one, 1, "one hand"), { ...atOnce, context: now.context }),
        here.carts.put(basketKey, withMore(now.value, other, 1, "the other hand"), { ...atOnce, context: now.context }),
      ]);
      return receiptOfOne;
    });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const name = itemName(typed());
    if (name === "") {
      setProblem("Type what to add.");
      return;
    }
    setTyped("");
    void more(name, 1);
  };
  const emptyWords = () => {
    if (read() !== undefined) return "Empty. Add something here and look at the other tab.";
    return peer.phase().is === "failed" ? "Closed until this tab has joined; see the note at the top." : "Opening…";
  };
  const versions = () => (read()?.siblings ?? []) as readonly Basket[];
  const offered = () =>
    suggestions.filter((name) => !items.some((item) => item.name === name)).slice(0, suggestionsShown);

  return (
    <section class="cart" aria-labelledby="cart-title" data-testid="cart" data-siblings={versions().length}>
      <header class="cart-head">
        <h2 id="cart-title">One cart, every tab</h2>
        <button
          type="button"
          class="link-like"
          onClick={() => desk.look(target)}
          aria-pressed={desk.chosen().bucket === basketBucket && desk.chosen().key === basketKey}
        >
          Show on the ring
        </button>
      </header>
      <form class="cart-form" onSubmit={submit}>
        <label class="sr-only" for="cart-input">
          Add to the cart
        </label>
        <input
          id="cart-input"
          data-testid="cart-input"
          type="text"
          placeholder="Add something"
          maxlength={60}
          autocomplete="off"
          value={typed()}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        <button type="submit" class="primary" data-testid="cart-add">
          Add
        </button>
      </form>
      <Show when={offered().length > 0}>
        <div class="quick" role="group" aria-label="Add with one press">
          <For each={offered()}>
            {(name) => (
              <button
                type="button"
                class="chip"
                data-testid="cart-quick"
                data-name={name}
                onClick={() => more(name, 1)}
              >
                + {name}
              </button>
            )}
          </For>
        </div>
      </Show>
      <Show when={items.length > 0} fallback={<p class="cart-empty">{emptyWords()}</p>}>
        <ul class="cart-items">
          <For each={items}>
            {(item) => (
              <li class="cart-item" data-testid="cart-item" data-name={item.name} data-quantity={item.quantity}>
                <span class="cart-name">{item.name}</span>
                <span class="cart-by">{item.by}</span>
                <button
                  type="button"
                  class="step"
                  data-testid="cart-fewer"
                  aria-label={`One fewer ${item.name}`}
                  onClick={() => more(item.name, -1)}
                >
                  −
                </button>
                <span class="cart-quantity">{item.quantity}</span>
                <button
                  type="button"
                  class="step"
                  data-testid="cart-more"
                  aria-label={`One more ${item.name}`}
                  onClick={() => more(item.name, 1)}
                >
                  +
                </button>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <Show when={versions().length > 1}>
        <div class="merged" data-testid="cart-merged" role="status">
          <p>
            <strong>{numberWord(versions().length)} versions were merged.</strong> They were written at the same time
            (siblings), so the cart shows every item of all. The next change writes that back.
          </p>
          <ul>
            <For each={versions()}>
              {(version) => (
                <li data-testid="cart-version">
                  {itemsOf(version)
                    .map((item) => `${item.name} ×${item.quantity}`)
                    .join(", ") || "empty"}
                </li>
              )}
            </For>
          </ul>
          <button type="button" class="chip" data-testid="cart-settle" onClick={settle}>
            Write the merged cart back
          </button>
        </div>
      </Show>
      <Show when={problem()}>
        {(text) => (
          <p class="field-problem" role="alert" data-testid="cart-problem">
            {text()}
          </p>
        )}
      </Show>
      <p class="cart-foot" aria-live="polite" data-testid="cart-receipt">
        <Show when={receipt()} fallback="Adding is never refused, not even alone.">
          {(now) => <>{whereItIs(now(), desk.isSelf)}</>}
        </Show>
      </p>
      <details class="small">
        <summary>What if two people change it at once?</summary>
        <p>
          Both versions are kept and joined: every item of either, each in the larger quantity. Nothing added is lost.
          The price: something taken out on one side can come back if the other side changed the cart at that moment
          (Dynamo paper, §4.4 and §6.1).
        </p>
        <button type="button" class="chip" data-testid="cart-conflict" onClick={conflict}>
          Write two versions at once
        </button>
      </details>
    </section>
  );
}

function numberWord(count: number): string {
  return ["No", "One", "Two", "Three", "Four", "Five"][count] ?? String(count);
}
