// The lab opens anywhere, asks nobody for anything afterwards, and its link is its state.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { openLab } from "./lab.mjs";
import { openPlain } from "./stage.mjs";

const timeout = 180_000;
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };

/** A static host that knows nothing of Roundtable, with the site under a path of its own. */
async function staticHost(folder, prefix) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://host").pathname;
    if (!path.startsWith(prefix)) return response.writeHead(404).end();
    const file = path.slice(prefix.length).replace(/\/$/, "/index.html");
    try {
      const bytes = await readFile(join(folder, file));
      response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

describe("the lab", { timeout: 900_000 }, () => {
  const lab = openLab();

  test("opens under the server's policy and asks for nothing once it is loaded", { timeout }, async () => {
    const page = await lab.page();
    assert.equal(await page.by("seat").count(), 5);
    await page.page.waitForLoadState("networkidle");
    const asked = [];
    page.page.on("request", (request) => {
      // The browser looks for the icon again whenever the address changes; nothing on the page asks for it.
      if (!request.url().endsWith("/favicon.svg")) asked.push(request.url());
    });
    await page.settle();
    await page.by("tab-key").click();
    await page.by("ask-put").click();
    await page.by("until-quorum").click();
    await page.until("the write is met", async () => /asks for\.$/.test(await page.by("goal-words").textContent()));
    assert.deepEqual(asked, []);
  });

  test("opens from any static host under any path", { timeout }, async () => {
    const host = await staticHost(lab.world.site, "/some/where");
    try {
      const page = await lab.page({ origin: host.origin, path: "/some/where/lab/" });
      await page.settle();
      assert.equal(await page.by("seat").count(), 5);
    } finally {
      host.close();
    }
  });

  test("opens again without a network", { timeout }, async () => {
    const page = await lab.page();
    await page.until("the page is kept", () =>
      page.page.evaluate(async () => {
        const cache = await caches.open("roundtable-lab");
        const kept = (await cache.keys()).map((request) => new URL(request.url).pathname);
        return kept.includes("/lab/") && kept.some((path) => path.endsWith(".wasm"));
      }),
    );
    await page.page.context().setOffline(true);
    await page.page.reload();
    await page.by("lab").waitFor();
    await page.settle();
    // Whatever the browser says of the network being gone is not the page's doing.
    lab.errors.splice(0, lab.errors.length, ...lab.errors.filter((error) => !/ERR_INTERNET_DISCONNECTED/.test(error)));
  });

  test("shows the same state with the same trace from its link in another browser's page", { timeout }, async () => {
    const page = await lab.page();
    await page.settle();
    await page.by("tab-key").click();
    await page.by("ask-key").fill("dora");
    await page.by("ask-put").click();
    await page.by("until-quorum").click();
    await page.until("the write is met", async () => /asks for\.$/.test(await page.by("goal-words").textContent()));
    await page.seat("Heron").click();
    await page.by("kill").click();
    await page.by("until-suspected").click();
    await page.until("it is suspected", async () =>
      /suspects Heron\.$/.test(await page.by("goal-words").textContent()),
    );
    await page.by("tab-nodes").click();
    await page.by("seen-from").selectOption("Wren");
    const trace = await page.trace();
    await page.page.waitForTimeout(800);
    const address = page.page.url();
    assert.ok(address.includes("#1."), address);

    const other = await lab.page({ path: `/lab/${new URL(address).hash}` });
    assert.equal(await other.trace(), trace);
    assert.equal(await other.now(), await page.now());
    assert.equal(await other.by("panel").getAttribute("data-panel"), "nodes");
    assert.match(await other.by("viewing").textContent(), /Wren/);
    assert.equal(await other.seat("Heron").getAttribute("data-state"), "closed");
    await other.by("tab-key").click();
    assert.equal(await other.by("ask-key").inputValue(), "dora");
    for (const each of [page, other]) {
      await each.settle();
      assert.deepEqual(await each.troubles(), []);
    }
    assert.equal(await other.trace(), await page.trace(), "and they go on alike");
  });

  for (const [name, fragment, says] of [
    ["a mangled link", "#1.abc", /cannot be read/],
    ["a foreign link", "#room=party", /cannot be read/],
    ["a link of a version to come", "#7.abcdef", /version 7.*reload/],
    ["a link with broken escapes", "#lesson=%E0%A4%A", /lesson/],
    ["a link that is far too long", `#1.${"A".repeat(70_000)}`, /too long/],
  ]) {
    test(`says what is wrong with ${name}, and works`, { timeout }, async () => {
      const page = await lab.page({ path: `/lab/${fragment}` });
      const troubles = await page.troubles();
      assert.equal(troubles.length, 1, JSON.stringify(troubles));
      assert.match(troubles[0], says);
      await page.settle();
      assert.equal(await page.by("seat").count(), 5);
    });
  }

  test("without WebAssembly says so instead of showing nothing", { timeout }, async () => {
    const page = await lab.page({ ready: "closed", init: () => delete globalThis.WebAssembly });
    assert.match(await page.by("closed").textContent(), /no WebAssembly/);
  });

  test("whose simulator does not come says so and tries again when asked", { timeout }, async () => {
    const context = await lab.browser.newContext();
    lab.contexts.push(context);
    await context.route("**/lab/pkg/*", (route) => route.abort());
    const page = await lab.open(context, `${lab.world.origin}/lab/`, "closed");
    assert.match(await page.by("closed").textContent(), /could not be loaded/);
    await context.unroute("**/lab/pkg/*");
    await page.page.getByRole("button", { name: "Try again" }).click();
    await page.by("lab").waitFor();
    lab.errors.splice(0, lab.errors.length, ...lab.errors.filter((error) => !/ERR_FAILED/.test(error)));
  });

  test("a planted bug stops time and shows what it broke", { timeout }, async () => {
    const page = await lab.page();
    await page.by("open-room").click();
    await page.by("room-plant").selectOption("lose-a-sibling");
    await page.by("room-open").click();
    await page.settle();
    await page.by("tab-key").click();
    // Two writes that have not seen each other: the bug keeps one of them.
    for (const [at, value] of [
      ["Lynx", "tea"],
      ["Heron", "coffee"],
    ]) {
      await page.by("ask-node").selectOption(at);
      await page.by("ask-value").fill(value);
      await page.by("ask-put").click();
    }
    await page.by("speed").selectOption("20");
    await page.by("run").click();
    await page.by("violation").waitFor();
    assert.match(await page.by("violation").textContent(), /A promise was broken.*"values".*alice/);
    assert.equal(await page.by("run").getAttribute("aria-pressed"), "false", "time stands");
    await page.by("violation").getByRole("button", { name: "To the moment before" }).click();
    await page.by("violation").waitFor({ state: "detached" });
  });

  test("costs the live page nothing: it asks for none of it, and is small", { timeout }, async () => {
    const asked = [];
    const context = await lab.browser.newContext();
    lab.contexts.push(context);
    context.on("request", (request) => asked.push(new URL(request.url()).pathname));
    const page = await lab.open(context, `${lab.world.origin}/`, "presence");
    await page.by("members").waitFor();
    await page.page.waitForLoadState("networkidle");
    assert.deepEqual(
      asked.filter((path) => /lab/.test(path)),
      [],
    );
    const own = [...new Set(asked)].filter((path) => path === "/" || path.startsWith("/assets/"));
    assert.ok(own.length >= 3, own.join(", "));
    const sizes = own.map(async (path) => {
      const file = join(lab.world.site, path === "/" ? "index.html" : path);
      return gzipSync(await readFile(file)).length;
    });
    const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    assert.ok(bytes <= 150 * 1024, `${bytes} bytes beyond the package`);
  });
});

describe("the lab in a browser as people have it", { timeout: 300_000 }, () => {
  const plain = openPlain();

  test("draws nothing and lets no time pass while nobody looks", { timeout }, async () => {
    const tab = await plain.browser.tab(`${plain.world.origin}/lab/`);
    await plain.world.until("the lab is there", () =>
      tab.run(() => document.querySelector('[data-testid="run"]') !== null),
    );
    await tab.run(() => {
      const { clearRect } = CanvasRenderingContext2D.prototype;
      window.drawn = 0;
      CanvasRenderingContext2D.prototype.clearRect = function (...box) {
        window.drawn++;
        return clearRect.apply(this, box);
      };
      document.querySelector('[data-testid="run"]').click();
    });
    const look = () => tab.run(() => [window.drawn, document.querySelector('[data-testid="clock"]').textContent]);
    await plain.world.until("it draws", async () => (await look())[0] > 5);
    const front = await plain.browser.tab(`${plain.world.origin}/blank`);
    await plain.world.until("it is hidden", () => tab.run(() => document.hidden));
    await sleep(300);
    const hidden = await look();
    await sleep(1500);
    assert.deepEqual(await look(), hidden);
    await front.close();
    await tab.bringToFront();
    await plain.world.until("it draws again", async () => (await look())[0] > hidden[0]);
  });
});
