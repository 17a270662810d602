// WebSockets by hand: clients that keep no rule and a server that keeps none, for tests of what others make of them.
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { connect } from "node:net";

const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
export const opcode = { text: 1, binary: 2, close: 8, ping: 9 };

/** A frame as RFC 6455 has it; `mask` as a client must. */
export function frame(payload, { code = opcode.binary, mask }) {
  const length = payload.length;
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + size);
  head[0] = 0x80 | code;
  head[1] = (mask ? 0x80 : 0) | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) head.writeUInt16BE(length, 2);
  if (size === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (!mask) return Buffer.concat([head, payload]);
  const key = randomBytes(4);
  const body = Buffer.from(payload);
  for (let i = 0; i < body.length; i++) body[i] ^= key[i % 4];
  return Buffer.concat([head, key, body]);
}

/** Opens a WebSocket, writes these bytes, and resolves when the server has closed it. */
export function shout(url, bytes) {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    let heard = Buffer.alloc(0);
    let opened = false;
    const socket = connect(Number(port), hostname);
    socket.setTimeout(10_000, () => socket.destroy(new Error(`not closed within 10 s; opened: ${opened}`)));
    socket.on("connect", () => {
      const key = randomBytes(16).toString("base64");
      socket.write(
        `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nOrigin: http://${hostname}:${port}\r\n` +
          `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
    });
    socket.on("data", (data) => {
      heard = Buffer.concat([heard, data]);
      if (opened || !heard.includes("\r\n\r\n")) return;
      if (!heard.toString("latin1").startsWith("HTTP/1.1 101")) {
        socket.destroy(new Error(`refused: ${heard.toString("latin1").slice(0, 80)}`));
        return;
      }
      opened = true;
      socket.write(bytes);
    });
    // Whoever is closed while still writing may see a reset; that is an end like any other.
    socket.on("error", (error) => (opened && error.code !== undefined ? resolve() : reject(error)));
    socket.on("end", () => socket.end());
    socket.on("close", () => (opened ? resolve() : reject(new Error("closed before it was opened"))));
  });
}

/** A server that takes every socket and says what it likes. */
export async function listen(onSocket) {
  const sockets = new Set();
  const server = createServer((_, response) => response.writeHead(404).end());
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1")
      .update(request.headers["sec-websocket-key"] + magic)
      .digest("base64");
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.resume();
    onSocket({
      say: (payload, code = opcode.binary) => socket.write(frame(payload, { code, mask: false })),
      drained: () => (socket.writableNeedDrain ? new Promise((resolve) => socket.once("drain", resolve)) : undefined),
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `ws://127.0.0.1:${server.address().port}/rendezvous`,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
