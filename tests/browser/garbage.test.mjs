// What others send may be anything. It is counted, dropped, and stops nothing: 10,000 pieces of it on each way in.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, describe, test } from "node:test";
import { gather, uniqueName, World, within } from "./harness.mjs";
import { frame, listen, opcode, shout } from "./sockets.mjs";

const timeout = 120_000;
const pieces = 10_000;

describe("ten thousand pieces of garbage", { timeout: 240_000 }, () => {
  let world, left, right;

  before(async () => {
    world = await World.open();
    [left, right] = await Promise.all([world.profile("left"), world.profile("right")]);
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  async function writesAndReadsEverywhere(tabs, key) {
    for (const [place, tab] of tabs.entries()) {
      await world.until(`a put of ${tab.name} reaches all`, async () => {
        return (await tab.put(`${key} ${place}`, place, { level: Math.min(3, tabs.length) })).met;
      });
      for (const other of tabs) assert.equal((await other.get(`${key} ${place}`, { level: "one" })).value, place);
    }
  }

  /** Keeps the channels of this page, and some of what is sent over them, so that anything can be sent over them. */
  function tapChannels(page) {
    return page.addInitScript(() => {
      window.channels = [];
      window.sent = [];
      const create = RTCPeerConnection.prototype.createDataChannel;
      RTCPeerConnection.prototype.createDataChannel = function (...args) {
        const channel = create.apply(this, args);
        window.channels.push(channel);
        const send = channel.send;
        channel.send = function (data) {
          if (window.sent.length < 200 && data.byteLength > 1) window.sent.push(new Uint8Array(data).slice());
          return send.call(this, data);
        };
        return channel;
      };
    });
  }

  /** Sends garbage of all kinds over every channel; how many pieces could by no accident mean anything to a peer. */
  function sendGarbage(tab, count) {
    return tab.run(async (count) => {
      let seed = 20_071_014;
      const random = (below) => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) % below;
      };
      const bytes = (length, ...first) => {
        const made = Uint8Array.from({ length }, () => random(256));
        made.set(first.slice(0, length));
        return made;
      };
      const real = window.sent.slice();
      const whole = 0;
      const start = 1;
      const kinds = [
        // What is certain to be dropped: one piece, one count.
        [true, () => bytes(0)],
        [true, () => bytes(1 + random(300), 4 + random(252))], // no such kind of piece
        [true, () => bytes(16_385 + random(20_000))], // longer than a piece
        [true, () => bytes(5 + random(60), start, 255, 255, 255, 255)], // announces 4 GiB
        [true, () => bytes(2 + random(400), whole, 2 + random(253))], // of another version
        [true, () => bytes(1, whole)], // nothing inside
        [true, () => "text"],
        [
          true,
          () => {
            const piece = real[random(real.length)];
            return piece[0] === whole ? piece.slice(0, 2 + random(piece.length - 2)) : bytes(0); // truncated
          },
        ],
        // What may be the beginning or the middle of something, or even say something.
        [false, () => bytes(1 + random(300))],
        [false, () => bytes(2 + random(300), whole, 1)], // of our version, and nonsense
        [false, () => bytes(6 + random(300), start, random(256), random(8), 0, 0)],
        [false, () => bytes(1 + random(300), 2 + random(2))],
      ];
      const open = window.channels.filter((channel) => channel.readyState === "open");
      const raw = RTCDataChannel.prototype.send;
      let certain = 0;
      for (let i = 0; i < count; i++) {
        const [isCertain, make] = kinds[i % kinds.length];
        const piece = i % 97 === 0 ? bytes(i % 970 === 0 ? 262_144 : 17_000 + random(30_000)) : make();
        if (isCertain || i % 97 === 0) certain++;
        for (const [place, channel] of open.entries()) {
          if (place % 3 !== i % 3) continue; // the three channels of a connection take turns
          // Garbage is to be dropped, not to outrun a slow machine: no credit covers it, and a page that is half a
          // megabyte behind with it hangs up.
          while (channel.bufferedAmount > 64_000) await new Promise((resolve) => setTimeout(resolve, 5));
          raw.call(channel, piece);
        }
      }
      // Whatever was begun ends here, so that the tab's own frames are frames again.
      for (const channel of open) raw.call(channel, new Uint8Array([255]));
      return { certain: certain + 3, channels: open.length, samples: real.length };
    }, count);
  }

  test("on the data channels are counted and dropped, and nothing stops", { timeout }, async () => {
    const room = uniqueName();
    const [good, other, bad] = [await left.tab("good"), await right.tab("other"), await right.tab("bad")];
    await tapChannels(bad.page);
    await bad.page.reload();
    const tabs = [good, other, bad];
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
    await writesAndReadsEverywhere(tabs, "before");
    const dropped = async () =>
      (await Promise.all([good.metrics(), other.metrics()])).map((metrics) => metrics.dropped);
    const before = await dropped();
    const { certain, channels, samples } = await sendGarbage(bad, pieces);
    assert.equal(channels % 3, 0);
    assert.ok(channels >= 6, "two peers with three channels each");
    assert.ok(samples > 20, "there were real frames to truncate");
    assert.ok(certain > pieces / 2);
    await world.until(`each of ${certain} pieces is counted by both`, async () => {
      const now = await dropped();
      return now.every((count, i) => count - before[i] >= certain) && now;
    });
    for (const tab of [good, other]) {
      const closed = (await tab.run(() => window.links)).filter((link) => !link.open);
      assert.deepEqual(closed, [], "garbage ends no link");
    }
    await writesAndReadsEverywhere(tabs, "after");
    await gather(world, tabs);
  });

  /** Frames for the rendezvous that are none. */
  function nonsense(i) {
    switch (i % 6) {
      case 0:
        return Buffer.alloc(0);
      case 1:
        return randomBytes(1 + (i % 500));
      case 2:
        return Buffer.concat([Buffer.from([1, 0]), randomBytes(i % 32)]); // a join without a whole topic
      case 3:
        return Buffer.concat([Buffer.from([2, 0]), randomBytes(32)]); // of another version
      case 4:
        return Buffer.concat([Buffer.from([1, 1]), randomBytes(33), Buffer.from([255, 255, 255, 255, 15])]); // 4 GiB
      default:
        return Buffer.concat([Buffer.from([1, 0]), randomBytes(33)]); // one byte too many
    }
  }

  const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);

  test("on the rendezvous' socket are counted and dropped, and it goes on introducing", { timeout }, async () => {
    const room = uniqueName();
    const tabs = [await left.tab("early left"), await right.tab("early right")];
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
    const { pid, socketUrl } = world.rendezvous;
    const before = await world.rendezvous.health();

    // From a program: as many frames a socket as are forgiven, and some more.
    const each = 25;
    const sockets = pieces / 2 / each;
    for (let i = 0; i < sockets; i += 20) {
      await Promise.all(
        Array.from({ length: 20 }, (_, j) => {
          const frames = Array.from({ length: each }, (_, k) => frame(nonsense((i + j) * each + k), { mask: true }));
          return shout(socketUrl, Buffer.concat(frames));
        }),
      );
    }
    // What is no WebSocket at all, what is too large, and what is text.
    await shout(socketUrl, randomBytes(4_000));
    await shout(socketUrl, frame(randomBytes(100_000), { mask: true }));
    await shout(socketUrl, frame(randomBytes(20), { mask: false }));
    await shout(
      socketUrl,
      Buffer.concat(Array.from({ length: each }, () => frame(Buffer.from("hello"), { code: opcode.text, mask: true }))),
    );

    // From a page, as a browser sends it.
    const page = await left.tab("shouting");
    const closes = await page.run(
      async ([url, sockets, each]) => {
        const closes = [];
        const one = () =>
          new Promise((resolve, reject) => {
            const socket = new WebSocket(url);
            socket.onopen = () => {
              for (let k = 0; k < each; k++) {
                const piece = crypto.getRandomValues(new Uint8Array(k * 20));
                if (piece.length > 0) piece[0] = k % 2; // every other of our version
                if (piece.length > 1) piece[1] = 3 + (piece[1] % 100); // and of no known kind
                socket.send(k % 5 === 4 ? "text" : piece);
              }
            };
            socket.onclose = (event) => resolve(closes.push(event.code));
            setTimeout(() => reject(new Error("a socket was not closed within 10 s")), 10_000);
          });
        for (let i = 0; i < sockets; i += 10) await Promise.all(Array.from({ length: 10 }, one));
        return closes;
      },
      [socketUrl, sockets, each],
    );
    assert.deepEqual([...new Set(closes)], [1008], "each socket is told that it has broken the rules");

    const health = await world.rendezvous.health();
    assert.ok(world.rendezvous.isRunning && world.rendezvous.pid === pid, "it is the very same process");
    const refused = sum(health.refused) - sum(before.refused);
    const misbehaved = health.dropped.misbehaved - before.dropped.misbehaved;
    assert.ok(misbehaved >= 2 * sockets, `${misbehaved} of ${2 * sockets + 4} sockets were dropped for it`);
    assert.ok(refused >= 2 * sockets * 16, `${refused} frames were refused before their sockets were closed`);
    await world.until("no socket of those is left", async () => {
      return (await world.rendezvous.health()).sockets === before.sockets;
    });
    assert.deepEqual(
      (await world.rendezvous.health()).topics,
      before.topics,
      "and nothing that garbage said has been remembered",
    );

    await writesAndReadsEverywhere(tabs, "after");
    const late = [await left.tab("late left"), await right.tab("late right")];
    const next = uniqueName();
    await Promise.all(late.map((tab) => tab.join(next)));
    await gather(world, late);
    await writesAndReadsEverywhere(late, "introduced");
  });

  test("from a rendezvous that has gone mad are counted and dropped by a tab", { timeout }, async () => {
    let over;
    const finished = new Promise((resolve) => {
      over = resolve;
    });
    const mad = await listen(async ({ say, drained }) => {
      for (let i = 0; i < pieces; i++) {
        if (i % 50 === 7) say(Buffer.from("text"), opcode.text);
        else if (i % 100 === 9) say(randomBytes(20_000));
        else if (i % 6 === 5) say(Buffer.concat([Buffer.from([1, 0]), randomBytes(i % 30)]));
        else say(Buffer.concat([Buffer.from([i % 2 ? 1 : 2, 5 + (i % 250)]), randomBytes(i % 300)]));
        await drained();
      }
      over();
    });
    try {
      const room = uniqueName();
      const tab = await left.tab("misled");
      await tab.join(room, { rendezvous: [mad.url, world.rendezvous.socketUrl] });
      await within(20_000, "all is said", finished);
      await world.until("all of it is counted", async () => (await tab.metrics()).dropped >= pieces);
      const other = await right.tab("met through the sane one");
      await other.join(room);
      await gather(world, [tab, other]);
      await writesAndReadsEverywhere([tab, other], "after");
    } finally {
      world.expectErrors(/WebSocket connection/);
      await world.clear().finally(() => mad.close());
    }
  });
});
