// Firefox beside Chromium: just so much of WebDriver BiDi that a tab of Firefox is one of the harness's tabs.
//
// Debian's Firefox speaks that protocol natively, over one WebSocket; no driver stands in between. A page here has the few
// methods of a page that the harness's Tab uses: evaluate, goto, close. What is passed in and out is JSON.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join as joinPath } from "node:path";
import WebSocket from "ws";
import { Device, Tab, within } from "./harness.mjs";

const candidates = [process.env.FIREFOX, "/usr/bin/firefox-esr", "/usr/bin/firefox"];
/** The program, or undefined where there is none. */
export const firefox = candidates.find((path) => path !== undefined && path !== "" && existsSync(path));

const startMs = 60_000;
const callMs = 30_000;

/** As PLATFORM has it for two browsers on one machine; and nothing that a fresh profile would fetch or ask. */
const preferences = {
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "media.peerconnection.ice.loopback": true,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.page": 0,
  "datareporting.policy.dataSubmissionEnabled": false,
  "toolkit.telemetry.enabled": false,
  "app.update.enabled": false,
  "app.normandy.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "remote.active-protocols": 1,
};

/** One conversation with one browser. */
class Session {
  #socket;
  #asked = new Map();
  #count = 0;

  static async open(url, onEvent) {
    const session = new Session();
    session.#socket = new WebSocket(`${url}/session`);
    await within(
      startMs,
      "Firefox takes the connection",
      new Promise((resolve, reject) => session.#socket.once("open", resolve).once("error", reject)),
    );
    session.#socket.on("message", (text) => session.#take(JSON.parse(text), onEvent));
    session.#socket.on("close", () => {
      for (const { reject, method } of session.#asked.values()) reject(new Error(`${method}: Firefox is gone`));
      session.#asked.clear();
    });
    await session.ask("session.new", { capabilities: {} });
    return session;
  }

  ask(method, params) {
    this.#count += 1;
    const id = this.#count;
    const answer = new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject, method }));
    this.#socket.send(JSON.stringify({ id, method, params }));
    return within(callMs, `Firefox answers ${method}`, answer);
  }

  #take(message, onEvent) {
    if (message.type === "event") return onEvent(message);
    const asked = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if (message.type === "success") asked?.resolve(message.result);
    else asked?.reject(new Error(`${asked.method}: ${message.error}: ${message.message}`));
  }

  end() {
    this.#socket.close();
  }
}

class Page {
  constructor(session, context) {
    this.session = session;
    this.context = context;
  }

  async goto(url) {
    await this.session.ask("browsingContext.navigate", { context: this.context, url, wait: "complete" });
    await this.#loadPackage();
  }

  async reload() {
    await this.session.ask("browsingContext.reload", { context: this.context, wait: "complete" });
    await this.#loadPackage();
  }

  /** Back by one in the tab's history. */
  async back() {
    await this.session.ask("browsingContext.traverseHistory", { context: this.context, delta: -1 });
  }

  // Once in several hundred pages Firefox fails to import a module that it fetches, a moment later and in the same
  // page, with status 200; the page's module map then keeps the failure, so that only another page is a remedy. It
  // is one more page, once, before any node is there: what a node does in it is the tests' matter, not this.
  async #loadPackage() {
    const load = () => this.evaluate(() => import("/roundtable/index.js").then(() => null));
    try {
      await load();
    } catch (error) {
      console.error(`Firefox did not import the package, so the page is loaded once more: ${error.message}`);
      await this.session.ask("browsingContext.reload", { context: this.context, wait: "complete" });
      await load();
    }
  }

  close() {
    return this.session.ask("browsingContext.close", { context: this.context });
  }

  async evaluate(work, argument) {
    const body = `async (json) => JSON.stringify({ given: await (${work})(JSON.parse(json).argument) })`;
    const answer = await this.session.ask("script.callFunction", {
      functionDeclaration: body,
      arguments: [{ type: "string", value: JSON.stringify({ argument }) }],
      awaitPromise: true,
      target: { context: this.context },
    });
    if (answer.type === "exception") throw new Error(answer.exceptionDetails.text);
    return JSON.parse(answer.result.value).given;
  }
}

/** A Firefox with storage of its own: one more device of the world. */
export class FirefoxProfile extends Device {
  #child;
  #gone;
  #session;

  /** `more`: further preferences. */
  static async open(world, name = "firefox", more = {}) {
    const profile = new FirefoxProfile(world, name, await world.folder("firefox"));
    profile.preferences = { ...preferences, ...more };
    world.profiles.push(profile);
    await profile.start();
    return profile;
  }

  async start() {
    const lines = Object.entries(this.preferences).map(
      ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`,
    );
    await writeFile(joinPath(this.folder, "user.js"), `${lines.join("\n")}\n`);
    const args = ["--headless", "--no-remote", "--remote-debugging-port=0", "--profile", this.folder, "about:blank"];
    // Its own home, so that nothing is read from or left in the user's.
    const env = { ...process.env, HOME: this.folder, MOZ_CRASHREPORTER_DISABLE: "1" };
    const child = spawn(firefox, args, { stdio: ["ignore", "ignore", "pipe"], env });
    this.#child = child;
    this.#gone = new Promise((resolve) => child.once("exit", resolve));
    process.once("exit", () => child.kill("SIGKILL"));
    let said = "";
    const address = new Promise((resolve, reject) => {
      child.stderr.setEncoding("utf8").on("data", (text) => {
        said += text;
        const url = /BiDi listening on (ws:\S+)/.exec(said);
        if (url !== null) resolve(url[1]);
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`Firefox ended with ${code} and said: ${said}`)));
    });
    const url = await within(startMs, `${this.name} starts`, address);
    this.#session = await Session.open(url, (event) => this.#hear(event));
    await this.#session.ask("session.subscribe", { events: ["log.entryAdded"] });
  }

  #hear({ method, params }) {
    if (method !== "log.entryAdded" || params.level !== "error") return;
    const tab = this.tabs.find(({ page }) => page.context === params.source?.context);
    if (tab !== undefined) this.complain(`${tab.name}: ${params.type}: ${params.text}`);
  }

  async tab(name = `${this.name} tab ${this.tabs.length + 1}`, path = "/blank") {
    const { context } = await this.#session.ask("browsingContext.create", { type: "tab" });
    const tab = new Tab(this, new Page(this.#session, context), name);
    this.tabs.push(tab);
    await tab.page.goto(new URL(path, this.world.origin).href);
    return tab;
  }

  async stop() {
    this.tabs = [];
    await this.#session?.ask("browser.close", {}).catch(() => {});
    this.#session?.end();
    await within(10_000, `${this.name} ends`, this.#gone).catch(() => this.#child.kill("SIGKILL"));
  }
}
