// A browser as people run it: none of the switches with which a test driver keeps its tabs awake, and no emulated
// focus. So what is not in front is hidden, and what is hidden is throttled. Spoken to over DevTools' own pipe.
import { spawn } from "node:child_process";
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

  async stop() {
    this.child.kill("SIGKILL");
    await within(10_000, "the browser is gone", this.gone);
  }
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

  /** "frozen" or "active". */
  life(state) {
    return this.send("Page.setWebLifecycleState", { state });
  }

  close() {
    return this.browser.send("Target.closeTarget", { targetId: this.targetId });
  }
}
