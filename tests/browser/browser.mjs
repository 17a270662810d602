// A browser as people run it: none of the switches with which a test driver keeps its tabs awake, and no emulated
// focus. So what is not in front is hidden, and what is hidden is throttled. Spoken to over DevTools' own pipe.
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join as joinPath } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { within } from "./harness.mjs";

const executable = process.env.CHROMIUM ?? "/usr/bin/chromium";
const callMs = 60_000;

/** One browser over one profile's folder. */
export class PlainBrowser {
  tabs = [];
  #next = 1;
  #waiting = new Map();
  #buffer = "";

  static async start(folder, args) {
    const browser = new PlainBrowser();
    // Lets `discard` have chrome://discards, one of the pages for those who develop the browser.
    await writeFile(joinPath(folder, "Local State"), JSON.stringify({ internal_only_uis_enabled: true }));
    const own = [
      "--headless=new",
      "--remote-debugging-pipe",
      `--user-data-dir=${folder}`,
      "--no-default-browser-check",
    ];
    // Without a tab to begin with the browser would end with the last one.
    browser.child = spawn(executable, [...own, ...args, "about:blank"], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    browser.gone = new Promise((resolve) => browser.child.once("exit", resolve));
    browser.child.stdio[4].setEncoding("utf8").on("data", (text) => browser.#read(text));
    await within(20_000, "the browser answers", browser.send("Browser.getVersion"));
    return browser;
  }

  #read(text) {
    this.#buffer += text;
    for (let end = this.#buffer.indexOf("\0"); end >= 0; end = this.#buffer.indexOf("\0")) {
      const message = JSON.parse(this.#buffer.slice(0, end));
      this.#buffer = this.#buffer.slice(end + 1);
      const waiting = this.#waiting.get(message.id);
      if (waiting === undefined) continue;
      this.#waiting.delete(message.id);
      if (message.error === undefined) waiting.resolve(message.result);
      else waiting.reject(new Error(message.error.message));
    }
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return answer;
  }

  /** A new tab, in front of all others. */
  async tab(url) {
    const { targetId } = await this.send("Target.createTarget", { url });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const tab = new PlainTab(this, targetId, sessionId);
    this.tabs.push(tab);
    return tab;
  }

  /** Throws a tab in the background out of memory, as the browser does when memory is short; it stays in the row of tabs. */
  async discard(tab) {
    const url = await tab.run(() => location.href);
    // A tab that somebody debugs is not discarded.
    await this.send("Target.detachFromTarget", { sessionId: tab.sessionId });
    const page = await this.tab("chrome://discards");
    const isGone = () =>
      page.run((url) => {
        const inside = (root, name) => root?.querySelector(name)?.shadowRoot;
        const table = inside(inside(document, "discards-main"), "discards-tab");
        const rows = [...(table?.querySelectorAll("tbody tr") ?? [])];
        const row = rows.find((row) => row.querySelector(".tab-url-cell").textContent === url);
        if (row === undefined) return false;
        if (row.textContent.includes("discarded (urgent)")) return true;
        [...row.querySelectorAll("[is=action-link]")].find((link) => /Urgent Discard/.test(link.textContent)).click();
        return false;
      }, url);
    await within(callMs, `${url} is discarded`, polled(isGone));
    const { targetInfos } = await this.send("Target.getTargets");
    // The tab is the same, what DevTools call it is not.
    tab.targetId = targetInfos.find((target) => target.url === url).targetId;
    tab.sessionId = undefined;
    await page.close();
  }

  async stop() {
    this.child.kill("SIGKILL");
    await within(10_000, "the browser is gone", this.gone);
  }
}

async function polled(probe) {
  while (!(await probe())) await sleep(100);
}

export class PlainTab {
  constructor(browser, targetId, sessionId) {
    Object.assign(this, { browser, targetId, sessionId });
  }

  send(method, params) {
    return this.browser.send(method, params, this.sessionId);
  }

  /** Runs a function in the page. */
  async run(work, argument = null) {
    const expression = `(${work})(${JSON.stringify(argument)})`;
    const params = { expression, awaitPromise: true, returnByValue: true };
    const answer = await within(
      callMs,
      `the page answers ${expression.slice(0, 80)}`,
      this.send("Runtime.evaluate", params),
    );
    if (answer.exceptionDetails !== undefined) {
      const { exception, text } = answer.exceptionDetails;
      throw new Error(exception?.description ?? text);
    }
    return answer.result.value;
  }

  bringToFront() {
    return this.browser.send("Target.activateTarget", { targetId: this.targetId });
  }

  /** Looked at again after a discard: the browser loads its page anew. */
  async revive() {
    await this.bringToFront();
    const { targetId } = this;
    this.sessionId = (await this.browser.send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
  }

  /** On to another page; the one that is left may be kept to come back to. */
  go(url) {
    return this.send("Page.navigate", { url });
  }

  /** Back by one in the tab's history. */
  async back() {
    const { entries, currentIndex } = await this.send("Page.getNavigationHistory");
    await this.send("Page.navigateToHistoryEntry", { entryId: entries[currentIndex - 1].id });
  }

  /** "frozen" or "active". */
  life(state) {
    return this.send("Page.setWebLifecycleState", { state });
  }

  close() {
    return this.browser.send("Target.closeTarget", { targetId: this.targetId });
  }
}
