/** Stands in for node:net. */
import type { SimulatedSocket } from "../network.ts";
import { program } from "../world.ts";

export { createServer, Socket } from "../network.ts";

export const connect = ({ port, onread }: { port: number; onread?: SimulatedSocket["onread"] }): SimulatedSocket =>
  program().world.network.connect(port, onread);
export { isIP, isIPv4 } from "node:net";
