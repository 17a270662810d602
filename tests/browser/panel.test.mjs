// Invites on the page: two browsers without a rendezvous meet by what their pages show, read as a camera reads it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import jsQR from "jsqr";
import { uniqueName, World } from "./harness.mjs";

describe("the page's invites", { timeout: 120_000 }, () => {
  let world, left, right;
  before(async () => {
    world = await World.open();
    [left, right] = await Promise.all([world.profile("left"), world.profile("right")]);
    // No rendezvous brings the two together.
    for (const profile of [left, right]) {
      await profile.context.addInitScript(() => {
        globalThis.WebSocket = class {
          constructor() {
            throw new DOMException("there is no network but people", "SecurityError");
          }
        };
      });
    }
  });
  after(() => world?.close());

  const by = (tab, id) => tab.page.getByTestId(id);

  /** What a camera reads of a code on the page. */
  async function seen(tab, id) {
    await by(tab, id).scrollIntoViewIfNeeded();
    const picture = (await by(tab, id).screenshot()).toString("base64");
    const { data, width, height } = await tab.page.evaluate(async (picture) => {
      const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = new OffscreenCanvas(2 * bitmap.width, 2 * bitmap.height);
      const pen = canvas.getContext("2d");
      pen.imageSmoothingEnabled = false;
      pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
      return { data: [...data], width: canvas.width, height: canvas.height };
    }, picture);
    return jsQR(Uint8ClampedArray.from(data), width, height)?.data;
  }

  test("the QR code is a link that fills in the answer's form, the answer's code is the answer, and the two are linked", {
    timeout: 90_000,
  }, async () => {
    const room = uniqueName();
    const host = await left.tab("host", `/#room=${room}`);
    await host.page.locator('[data-testid="presence"][data-phase="here"]').waitFor();
    await by(host, "invite-make").click();
    await by(host, "invite-text").waitFor();
    const text = await by(host, "invite-text").inputValue();
    assert.ok(text.length > 0 && text.length <= 300, `${text.length} letters`);
    const link = await seen(host, "invite-code");
    assert.equal(new URL(link).hash, `#room=${room}&invite=${text}`);

    const guest = await right.tab("guest", `/${new URL(link).hash}`);
    await guest.page.locator('[data-testid="presence"][data-phase="here"]').waitFor();
    assert.equal(await by(guest, "invite-received").inputValue(), text);
    assert.equal(await guest.run(() => window.roundtable.mesh.metrics().links), 0);
    await by(guest, "invite-accept").click();
    await by(guest, "answer-text").waitFor();
    const answer = await seen(guest, "answer-code");
    assert.equal(answer, await by(guest, "answer-text").inputValue());

    await by(host, "invite-given").fill("not an answer");
    await by(host, "invite-complete").click();
    await by(host, "invite-problem").waitFor();
    assert.match(await by(host, "invite-problem").textContent(), /answer/);
    await by(host, "invite-given").fill(answer);
    await by(host, "invite-complete").click();
    await host.page.getByText("Linked. The room does the rest").waitFor();
    for (const tab of [host, guest]) {
      const links = () => tab.run(() => window.roundtable.mesh.metrics().links);
      await world.until(`${tab.name} is linked`, async () => (await links()) === 1);
    }
  });
});
