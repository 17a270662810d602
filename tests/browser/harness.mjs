// What every test here stands on: a rendezvous of its own, browser profiles, tabs that are nodes, and bounded waits.
//
// Nothing is mocked. A World is one rendezvous process serving the built site and package, and any number of profiles
// (each a browser of its own with its own storage: a device); a Tab is a page of one with a node in `window.mesh`.
// A wait that is not over in time fails with what was awaited and what every tab believes at that moment. Whatever a
// page reports as an error fails the test, unless the test said that it expects it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { chromium } from "playwright-core";

const here = fileURLToPath(new URL("../../", import.meta.url));
const binary = process.env.ROUNDTABLE_RENDEZVOUS ?? joinPath(here, "target/release/roundtable-rendezvous");
export const packageFolder = process.env.ROUNDTABLE_PACKAGE ?? joinPath(here, "www/package/dist");
const siteFolder = process.env.ROUNDTABLE_SITE ?? joinPath(here, "www/site/dist");

export const browserArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Two browsers of one machine find each other's addresses without multicast DNS and over loopback.
  "--allow-loopback-in-peer-connection",
  "--disable-features=WebRtcHideLocalIpsWithMdns,Translate,OptimizationHints,MediaRouter",
];

/** A page of the origin with nothing on it, under the real policy. */
const blankPage =
  '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>blank</title></html>\n';
const startMs = 20_000;
const callMs = 30_000;

/** `promise`, or an error that says what was awaited. */
export async function within(ms, what, promise) {
  const over = new AbortController();
  const late = sleep(ms, undefined, { signal: over.signal }).then(() => {
    throw new Error(`${what}: not within ${ms} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
    late.catch(() => {});
  }
}

/** A name that no other test uses. */
export function uniqueName(prefix = "room") {
  return `${prefix}-${randomBytes(6).toString("hex")}`;
}

/** The rendezvous, as its own process. */
export class Rendezvous {
  #child;
  #gone;
  #start;

  /** `within`: a command that runs it somewhere else, where it then listens on `host`. */
  static async start({ site, extra = [], port = 0, host = "127.0.0.1", within: elsewhere = [] }) {
    const rendezvous = new Rendezvous();
    const [program, ...args] = [
      ...elsewhere,
      ...[binary, "--host", host, "--port", String(port), "--site", site, "--package", packageFolder, ...extra],
    ];
    const env = { ...process.env };
    delete env.PORT;
    delete env.HOST;
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env });
    rendezvous.#child = child;
    rendezvous.#gone = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
    const end = () => child.kill("SIGKILL");
    process.once("exit", end);
    child.once("exit", () => process.off("exit", end));
    let said = "";
    const address = new Promise((resolve, reject) => {
      const read = (bytes) => {
        said += bytes;
        const url = said.match(/http:\/\/[\d.]+:\d+/g)?.find((url) => url.startsWith(`http://${host}:`));
        if (url !== undefined) resolve(url);
      };
      child.stdout.setEncoding("utf8").on("data", read);
      child.stderr.setEncoding("utf8").on("data", read);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`the rendezvous ended with ${code} and said: ${said}`)));
    });
    rendezvous.#start = { site, extra, host, within: elsewhere };
    rendezvous.origin = await within(startMs, "the rendezvous prints its address", address);
    return rendezvous;
  }

  /** Another one at the same address, once this one is gone. */
  again() {
    return Rendezvous.start({ ...this.#start, port: Number(new URL(this.origin).port) });
  }

  get pid() {
    return this.#child.pid;
  }

  get isRunning() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get socketUrl() {
    return `${this.origin.replace("http", "ws")}/rendezvous`;
  }

  async health() {
    const response = await within(5_000, "the rendezvous answers", fetch(`${this.origin}/rendezvous/health`));
    return response.json();
  }

  /** Ends this very process, with no chance to say goodbye. */
  async kill() {
    if (this.isRunning) process.kill(this.pid, "SIGKILL");
    return within(5_000, "the rendezvous is gone", this.#gone);
  }
}

export class World {
  profiles = [];
  #folders = [];
  #expected = [];

  /** `place`: where the rendezvous runs, as `Rendezvous.start` takes it. */
  static async open({ extra = [], place = {} } = {}) {
    const world = new World();
    world.place = place;
    try {
      const site = await world.folder("site");
      await cp(siteFolder, site, { recursive: true });
      await writeFile(joinPath(site, "blank.html"), blankPage);
      world.site = site;
      await world.renewRendezvous(extra);
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  get origin() {
    return this.rendezvous.origin;
  }

  /** A rendezvous that runs; a new one has another port, and so another origin. */
  async renewRendezvous(extra = []) {
    if (this.rendezvous?.isRunning) return;
    this.rendezvous = await Rendezvous.start({ site: this.site, extra, ...this.place });
  }

  /** The rendezvous at its old address after it was killed: the pages' origin is as before. */
  async reviveRendezvous() {
    if (!this.rendezvous.isRunning) this.rendezvous = await this.rendezvous.again();
  }

  async folder(name) {
    const folder = await mkdtemp(joinPath(tmpdir(), `roundtable-${name}-`));
    this.#folders.push(folder);
    return folder;
  }

  /** A browser with storage of its own: a device. `chrome`: another program, further arguments, options of its context. */
  async profile(name = `device ${"ABCDEFG"[this.profiles.length]}`, folder = undefined, chrome = {}) {
    const profile = new Profile(this, name, folder ?? (await this.folder("profile")), chrome);
    this.profiles.push(profile);
    await profile.start();
    return profile;
  }

  tabs() {
    return this.profiles.flatMap((profile) => profile.tabs);
  }

  /** Errors that match are part of the test. */
  expectErrors(pattern) {
    this.#expected.push(pattern);
  }

  /** What any page complained of since this was last asked. Fails the test that caused it. */
  assertNoErrors() {
    const expected = this.#expected;
    this.#expected = [];
    const errors = this.profiles.flatMap((profile) => profile.takeErrors());
    const unexpected = errors.filter((error) => !expected.some((pattern) => pattern.test(error)));
    assert.deepEqual(unexpected, [], "no page reports an error");
  }

  /** Ends a test: all tabs closed, and no complaint of any page left. */
  async clear() {
    // Closed first, so that what a page says last is heard in the test that it belongs to.
    await Promise.all(this.profiles.map((profile) => profile.clear()));
    this.assertNoErrors();
  }

  /** Polls until `probe` is truthy, or fails with what was awaited and what all tabs believe. */
  async until(what, probe, { timeoutMs = 15_000, everyMs = 50 } = {}) {
    const deadline = Date.now() + timeoutMs;
    let last;
    for (;;) {
      try {
        last = await within(callMs, what, Promise.resolve(probe()));
        if (last) return last;
      } catch (error) {
        last = error;
      }
      if (Date.now() >= deadline) break;
      await sleep(everyMs);
    }
    const seen = last instanceof Error ? last.message : inspect(last, { depth: 6 });
    throw new Error(`${what}: not within ${timeoutMs} ms; last seen ${seen}\n${await this.describe()}`);
  }

  /** What every tab believes, for messages. */
  async describe() {
    const lines = await Promise.all(
      this.tabs().map(async (tab) => {
        try {
          const belief = await within(3_000, "it answers", tab.belief());
          return `${tab.name}: ${inspect(belief, { depth: 5, breakLength: 160 })}`;
        } catch (error) {
          return `${tab.name}: ${error.message}`;
        }
      }),
    );
    return lines.join("\n");
  }

  async close() {
    await Promise.allSettled(this.profiles.map((profile) => profile.stop()));
    await this.rendezvous?.kill();
    await Promise.allSettled(
      this.#folders.map((folder) => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })),
    );
  }
}

/** A browser with storage of its own, whichever it is. */
export class Device {
  tabs = [];
  #errors = [];

  constructor(world, name, folder) {
    this.world = world;
    this.name = name;
    this.folder = folder;
  }

  complain(text) {
    this.#errors.push(text);
  }

  takeErrors() {
    const errors = this.#errors;
    this.#errors = [];
    return errors;
  }

  /** Closes all tabs of a test. */
  async clear() {
    const tabs = this.tabs;
    this.tabs = [];
    await Promise.allSettled(tabs.map((tab) => within(5_000, `${tab.name} closes`, tab.page.close())));
  }
}

export class Profile extends Device {
  constructor(
    world,
    name,
    folder,
    { program = process.env.CHROMIUM ?? "/usr/bin/chromium", args = [], context = {} } = {},
  ) {
    super(world, name, folder);
    this.chrome = { program, args, context };
  }

  async start() {
    this.launching = chromium.launchPersistentContext(this.folder, {
      executablePath: this.chrome.program,
      headless: true,
      args: [...browserArguments, ...this.chrome.args],
      viewport: { width: 1100, height: 900 },
      ...this.chrome.context,
    });
    this.context = await within(startMs, `${this.name} starts`, this.launching);
    this.context.setDefaultTimeout(callMs);
    this.context.setDefaultNavigationTimeout(callMs);
    // Keeps the browser alive when all tabs of a test are closed.
    this.anchor = this.context.pages()[0] ?? (await this.context.newPage());
  }

  /**
   * Ends the browser, keeping its folder: `start` opens it again. One that is still starting, since another one did not
   * start and the test is over, is ended too: else it would keep this process alive.
   */
  async stop() {
    this.tabs = [];
    const launched = this.launching?.catch(() => undefined);
    const stopped = launched?.then((context) => context?.close());
    await within(startMs, `${this.name} stops`, Promise.resolve(stopped)).catch(() => {});
    this.launching = undefined;
    this.context = undefined;
  }

  /** A new tab at an empty page of the origin. */
  async tab(name = `${this.name} tab ${this.tabs.length + 1}`, path = "/blank") {
    const tab = this.#adopt(await within(callMs, `${name} opens`, this.context.newPage()), name);
    await tab.page.goto(new URL(path, this.world.origin).href);
    return tab;
  }

  /** A page that a page has opened. */
  adopt(page, name) {
    return this.#adopt(page, name);
  }

  #adopt(page, name) {
    const tab = new Tab(this, page, name);
    this.tabs.push(tab);
    const complain = (text) => this.complain(`${name}: ${text}`);
    page.on("pageerror", (error) => complain(`uncaught ${error.stack ?? error}`));
    page.on("crash", () => {
      tab.crashed = true;
      complain("the page crashed");
    });
    page.on("console", (message) => {
      if (message.type() === "error") complain(`console: ${message.text()} (${message.location().url})`);
    });
    return tab;
  }

  async clear() {
    await this.context?.unrouteAll({ behavior: "ignoreErrors" });
    await super.clear();
  }
}

export class Tab {
  /** Whether the page's process has died. */
  crashed = false;

  constructor(profile, page, name) {
    this.profile = profile;
    this.world = profile.world;
    this.page = page;
    this.name = name;
  }

  /** Runs a function in the page. */
  run(work, argument) {
    return within(callMs, `${this.name} answers ${work.toString().slice(0, 80)}`, this.page.evaluate(work, argument));
  }

  /** Becomes a node of the room; `window.mesh` is its mesh, `links` and `rendezvous` keep what it told of those. */
  async join(room, options = {}) {
    this.id = await this.run(
      async (options) => {
        const { join } = await import("/roundtable/index.js");
        window.mesh = await join(options);
        window.links = [];
        window.rendezvous = [];
        window.mesh.on("link", (link) => window.links.push(link));
        window.mesh.on("rendezvous", ({ connected }) => window.rendezvous.push(connected));
        return window.mesh.id;
      },
      { room, label: this.name.slice(0, 60), ...options },
    );
    return this.id;
  }

  put(key, value, options = {}, bucket = "things") {
    return this.run(
      ([bucket, key, value, options]) => window.mesh.bucket(bucket).put(key, value, options),
      [bucket, key, value, options],
    );
  }

  delete(key, options = {}, bucket = "things") {
    return this.run(
      ([bucket, key, options]) => window.mesh.bucket(bucket).delete(key, options),
      [bucket, key, options],
    );
  }

  get(key, options = {}, bucket = "things") {
    return this.run(([bucket, key, options]) => window.mesh.bucket(bucket).get(key, options), [bucket, key, options]);
  }

  keys(options = {}, bucket = "things") {
    return this.run(([bucket, options]) => window.mesh.bucket(bucket).keys(options), [bucket, options]);
  }

  members() {
    return this.run(() => window.mesh.members());
  }

  metrics() {
    return this.run(() => window.mesh.metrics());
  }

  ready(peers = 1, timeoutMs = 15_000) {
    return this.#told(`is linked to ${peers}`, (options) => window.mesh.ready(options), { peers, timeoutMs });
  }

  settled(timeoutMs = 20_000) {
    return this.#told("is settled", (options) => window.mesh.settled(options), { timeoutMs });
  }

  cut(id) {
    return this.run((id) => window.mesh.cut(id), id);
  }

  uncut(id) {
    return this.run((id) => window.mesh.uncut(id), id);
  }

  close() {
    return this.run(() => window.mesh.close());
  }

  belief() {
    return this.run(() => {
      if (window.mesh === undefined) return "no mesh";
      const { keys, hints, links, nodes } = window.mesh.metrics();
      const members = window.mesh.members().map((m) => `${m.id.slice(0, 6)} ${m.status}${m.linked ? " linked" : ""}`);
      return { id: window.mesh.id.slice(0, 6), keys, hints, links, nodes, members };
    });
  }

  async #told(what, ask, options) {
    try {
      await this.run(ask, options);
    } catch (error) {
      throw new Error(`${this.name} ${what}: ${error.message}\n${await this.world.describe()}`);
    }
  }
}

/** All tabs linked with all others, all of them up, nothing left to move. */
export async function gather(world, tabs, timeoutMs = 20_000) {
  await Promise.all(tabs.map((tab) => tab.ready(tabs.length - 1, timeoutMs)));
  await world.until(
    `${tabs.length} tabs agree that all are up`,
    async () => {
      const views = await Promise.all(tabs.map((tab) => tab.members()));
      return views.every((view) => view.length === tabs.length && view.every((member) => member.status === "up"));
    },
    { timeoutMs },
  );
  await Promise.all(tabs.map((tab) => tab.settled(timeoutMs)));
}
