// The floor: what a page can do with a bare data channel and a bare IndexedDB, and nothing else.
//
// `bare` runs in the page before anything else does. It is as plain as such code can be: one channel a pair, no
// identity, no acknowledgement, nothing that survives a fault. What Roundtable costs is what it takes beyond this, in
// the same run on the same machine. It also counts what the page sends over data channels, whoever sends it.

/** To be given to `addInitScript`. */
export function bare() {
  window.sentBytes = 0;
  const send = RTCDataChannel.prototype.send;
  RTCDataChannel.prototype.send = function (data) {
    window.sentBytes += data.byteLength ?? data.size ?? new TextEncoder().encode(data).length;
    return send.call(this, data);
  };

  /** Channels to all others of `count` pages that call this with the same name; resolves when all are open. */
  window.bareMesh = (name, count) =>
    new Promise((resolve) => {
      const me = crypto.randomUUID();
      const radio = new BroadcastChannel(name);
      const peers = new Map();
      const channels = [];
      const say = (to, message) => radio.postMessage({ from: me, to, ...message });
      const connect = (id) => {
        const pc = new RTCPeerConnection();
        const channel = pc.createDataChannel("bare", { negotiated: true, id: 0 });
        channel.binaryType = "arraybuffer";
        pc.onicecandidate = ({ candidate }) => candidate && say(id, { candidate: candidate.toJSON() });
        channel.onopen = () => {
          channels.push(channel);
          if (channels.length === count - 1) resolve(channels);
        };
        const peer = { pc, early: [], described: false };
        peers.set(id, peer);
        return peer;
      };
      const describe = async (peer, description) => {
        await peer.pc.setRemoteDescription(description);
        peer.described = true;
        for (const candidate of peer.early) await peer.pc.addIceCandidate(candidate);
      };
      const offer = async (id) => {
        const { pc } = connect(id);
        await pc.setLocalDescription();
        say(id, { offer: pc.localDescription.toJSON() });
      };
      radio.onmessage = async ({ data }) => {
        const { from, to, hello, offer: offered, answer, candidate } = data;
        if (to !== undefined && to !== me) return;
        const known = peers.get(from);
        if (hello) {
          if (known !== undefined) return;
          if (to === undefined) say(from, { hello });
          if (me < from) await offer(from);
        } else if (offered) {
          const peer = known ?? connect(from);
          await describe(peer, offered);
          await peer.pc.setLocalDescription();
          say(from, { answer: peer.pc.localDescription.toJSON() });
        } else if (answer) {
          await describe(known, answer);
        } else if (candidate && known !== undefined) {
          if (known.described) await known.pc.addIceCandidate(candidate);
          else known.early.push(candidate);
        }
      };
      say(undefined, { hello: true });
    });

  /** Sends back whatever comes. */
  window.bareEcho = (channel) => {
    channel.onmessage = ({ data }) => channel.send(data);
  };

  /** Milliseconds of each of `count` round trips of so many bytes to a page that echoes. */
  window.bareRoundTrips = async (channel, count, bytes) => {
    const message = new Uint8Array(bytes);
    const times = [];
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      await new Promise((resolve) => {
        channel.onmessage = resolve;
        channel.send(message);
      });
      times.push(performance.now() - began);
    }
    return times;
  };

  /** An empty database with one table. */
  window.bareDatabase = (name) =>
    new Promise((resolve, reject) => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore("rows");
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

  /** One transaction; resolves when it is complete. */
  window.bareWrite = (database, rows) =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction("rows", "readwrite", { durability: "relaxed" });
      const store = transaction.objectStore("rows");
      for (const [key, value] of rows) store.put(value, key);
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });

  /** `count` rows with keys of 11 bytes and values of so many. */
  window.bareRows = (count, bytes) =>
    Array.from({ length: count }, (_, i) => [
      new TextEncoder().encode(`bare ${String(i).padStart(6, "0")}`),
      crypto.getRandomValues(new Uint8Array(bytes)),
    ]);
}
