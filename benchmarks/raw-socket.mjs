/**
 * The ceiling in Node: bytes from a file through a socket into a file, and nothing else. No frames, checks or syncs.
 *
 *   raw-socket.mjs serve PORT FILE    takes what comes into FILE; to who says "get" it sends FILE
 *   raw-socket.mjs up PORT FILE       down PORT FILE
 */
import { createReadStream, createWriteStream } from "node:fs";
import { connect, createServer } from "node:net";
import { pipeline } from "node:stream/promises";

const BLOCK = { highWaterMark: 256 * 1024 };
const [how, port, file] = process.argv.slice(2);

if (how === "serve") {
  createServer((socket) => {
    socket.once("data", (first) => {
      if (first.toString() === "get") return void pipeline(createReadStream(file, BLOCK), socket).catch(() => {});
      socket.pause();
      socket.unshift(first.subarray(3)); // after "put"
      return void pipeline(socket, createWriteStream(file, BLOCK)).then(
        () => socket.destroy(),
        () => {},
      );
    });
  }).listen(Number(port), "127.0.0.1", () => console.log("ready"));
} else {
  const socket = connect({ port: Number(port), host: "127.0.0.1", allowHalfOpen: true });
  if (how === "up") {
    socket.write("put");
    await pipeline(createReadStream(file, BLOCK), socket, { end: true });
    socket.resume();
    await new Promise((over) => socket.once("close", over)); // the server has all of it
  } else {
    socket.write("get");
    await pipeline(socket, createWriteStream(file, BLOCK));
  }
}
