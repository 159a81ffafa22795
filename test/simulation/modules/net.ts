/** Stands in for node:net. */
import type { SimulatedSocket } from "../network.ts";
import { program } from "../world.ts";

export { createServer } from "../network.ts";

export const connect = ({ port }: { port: number }): SimulatedSocket => program().world.network.connect(port);
