/** Stands in for node:tls: nothing in this world encrypts, and whoever tries is told so at once. */
import { systemError } from "../files.ts";

const none = (): never => {
  throw systemError("ECONNREFUSED", "connect", "tls");
};

export const connect = none;
export const createSecureContext = none;
export const createServer = none;
