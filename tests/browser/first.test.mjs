// The first view: how much comes over the line for it, how soon it is drawn, and what it says where a browser lacks
// something or the link is broken. Never a blank page.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { uniqueName, World } from "./harness.mjs";

const timeout = 60_000;
const siteBytesMax = 150 * 1024;
const drawnMsMax = 1_000;

describe("the first view", { timeout: 240_000 }, () => {
  let world, profile;
  before(async () => {
    world = await World.open();
    profile = await world.profile();
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  const by = (tab, id) => tab.page.getByTestId(id);
  const here = (tab) => tab.page.locator('[data-testid="presence"][data-phase="here"]').waitFor();
  /** A tab whose page begins without what `remove` takes away. */
  async function without(remove, hash = `#room=${uniqueName()}`) {
    const tab = await profile.tab();
    await tab.page.addInitScript(remove);
    await tab.page.goto(new URL(`/${hash}`, world.origin).href);
    return tab;
  }

  test("takes at most 150 KiB beyond the package, and nothing of the lab", { timeout }, async () => {
    const tab = await profile.tab();
    const bodies = new Map();
    const reading = [];
    tab.page.on("response", (response) => {
      const { pathname } = new URL(response.url());
      reading.push(response.body().then((body) => bodies.set(pathname, gzipSync(body, { level: 9 }).length)));
    });
    await tab.page.goto(new URL(`/#room=${uniqueName()}`, world.origin).href);
    await here(tab);
    await Promise.all(reading);
    const ours = [...bodies].filter(([path]) => !path.startsWith("/roundtable/"));
    assert.ok(ours.some(([path]) => path.endsWith(".js")) && ours.some(([path]) => path.endsWith(".css")), `${ours}`);
    assert.deepEqual(
      ours.filter(([path]) => path.endsWith(".wasm") || path.startsWith("/lab")),
      [],
    );
    const bytes = ours.reduce((sum, [, size]) => sum + size, 0);
    console.log(`# the site takes ${bytes} bytes with gzip`);
    assert.ok(bytes <= siteBytesMax, `${bytes} bytes: ${JSON.stringify(ours)}`);
  });

  test("is drawn within a second of the navigation", { timeout }, async () => {
    const drawn = [];
    for (let i = 0; i < 5; i++) {
      const tab = await without(() => {
        const observer = new MutationObserver(() => {
          if (document.querySelector('[data-testid="cart"]') === null) return;
          observer.disconnect();
          requestAnimationFrame(() =>
            setTimeout(() => {
              window.drawnMs = performance.now();
            }),
          );
        });
        observer.observe(document, { childList: true, subtree: true });
      });
      await tab.page.waitForFunction(() => window.drawnMs !== undefined);
      drawn.push(Math.round(await tab.run(() => window.drawnMs)));
      await tab.page.close();
    }
    console.log(`# the first view is drawn after ${drawn.join(", ")} ms`);
    // The quickest of five: this machine may be busy with something else.
    assert.ok(Math.min(...drawn) <= drawnMsMax, `${drawn}`);
  });

  test("without WebRTC says so, and the tab works alone", { timeout }, async () => {
    const tab = await without(() => {
      delete window.RTCPeerConnection;
      delete window.webkitRTCPeerConnection;
    });
    await here(tab);
    assert.match(await tab.page.locator('[data-notice="no-webrtc"]').textContent(), /no WebRTC.*works alone/);
    await by(tab, "cart-quick").first().click();
    await by(tab, "cart-item").waitFor();
  });

  test("without IndexedDB says so, and the tab keeps all in memory", { timeout }, async () => {
    const tab = await without(() => {
      Object.defineProperty(window, "indexedDB", { value: undefined });
    });
    await here(tab);
    assert.match(await tab.page.locator('[data-notice="no-indexeddb"]').textContent(), /IndexedDB.*Everything works/);
    await by(tab, "kv-put").click();
    await by(tab, "kv-receipt").waitFor();
  });

  test("without WebAssembly says so, and still shows the page", { timeout }, async () => {
    const tab = await without(() => {
      delete window.WebAssembly;
    });
    await by(tab, "failure").waitFor();
    assert.match(await tab.page.locator('[data-notice="no-wasm"]').textContent(), /cannot run the store/);
    assert.match(await by(tab, "failure").textContent(), /Nothing is lost/);
    await by(tab, "rooms-open").click();
    assert.match(await by(tab, "room-link").inputValue(), /#room=/);
  });

  test("a broken link leads to the lobby, with a sentence; mended, it leads where it should", { timeout }, async () => {
    const long = "x".repeat(257);
    const broken = [
      ["#room=", /names no room/],
      ["#kitchen=1", /names no room/],
      ["#room=%E0%A4%A", /damaged on its way/],
      ["#room=kitchen&secret=%FF", /damaged on its way/],
      [`#room=${long}`, /at most 256 bytes; this one has 257/],
      [`#room=kitchen&secret=${"x".repeat(1025)}`, /at most 1024 bytes/],
    ];
    const tab = await profile.tab("broken", `/${broken[0][0]}`);
    for (const [hash, says] of broken) {
      await tab.run((hash) => {
        location.hash = hash;
      }, hash);
      await world.until(`${hash.slice(0, 30)} is said to be broken`, async () =>
        says.test((await by(tab, "link-problem").textContent({ timeout: 5_000 })) ?? ""),
      );
      await here(tab);
      assert.equal(await tab.run(() => window.roundtable.mesh.room), "lobby", hash);
    }
    const room = uniqueName();
    await tab.run((room) => {
      location.hash = `#room=${room}`;
    }, room);
    await by(tab, "link-problem").waitFor({ state: "detached" });
    await world.until("the tab is in the room", () => tab.run((room) => window.roundtable?.mesh.room === room, room));
  });

  test("a skip to the content does not leave the room", { timeout }, async () => {
    const room = uniqueName();
    const tab = await profile.tab("skipping", `/#room=${room}`);
    await here(tab);
    await tab.page.keyboard.press("Tab");
    await tab.page.keyboard.press("Enter");
    assert.equal(await tab.run(() => document.activeElement.id), "main");
    assert.equal(await tab.run(() => window.roundtable.mesh.room), room);
    assert.equal(new URL(tab.page.url()).hash, `#room=${room}`);
  });
});
