/**
 * What the operator of a server must hear of and no session can tell: connections that end before
 * they are let in, and a server without file descriptors for the next one.
 *
 * It is the observer that create-server.ts hands to the core. The server works the same without it.
 * Read next: rejected-connections.ts, out-of-descriptors.ts.
 */
import type { Server as SocketServer } from "node:net";
import type { FilespoolError } from "../../../protocol/errors.ts";
import type { ServerEvent } from "../../events.ts";
import type { ServerObserver } from "../../server/session.ts";
import { OutOfDescriptors } from "./out-of-descriptors.ts";
import { RejectedConnections } from "./rejected-connections.ts";

/** The observer of one server. */
export class ServerWatch implements ServerObserver {
  readonly #rejected: RejectedConnections;
  readonly #descriptors = new OutOfDescriptors();

  /** @param sockets the listener: only it knows of handshakes that fail */
  constructor(sockets: SocketServer, emit: (event: ServerEvent) => void) {
    this.#rejected = new RejectedConnections(sockets, emit);
  }

  rejected(error: FilespoolError, peer: string): void {
    this.#rejected.note(error, peer);
  }

  everySecond(report: (error: FilespoolError) => void): void {
    this.#descriptors.look(report);
  }

  close(): void {
    this.#rejected.close();
  }
}
