/**
 * What minimal/ takes for granted: time, chance and buffers, of the program that is running.
 *
 * plugins/simulated-machine.mjs puts an import of these in front of each file of minimal/, so that the names mean them
 * and not the page's. Nobody else's clock is touched.
 */
import { running } from "./program.ts";

interface Timer {
  isSet: boolean;
}

export function setTimeout(work: () => void, ms: number): Timer {
  const timer = { isSet: true };
  running().after(ms, () => timer.isSet && work());
  return timer;
}

export function setInterval(work: () => void, ms: number): Timer {
  const timer = { isSet: true };
  const program = running();
  const tick = () => {
    if (!timer.isSet) return;
    work();
    program.after(ms, tick);
  };
  program.after(ms, tick);
  return timer;
}

export function clearTimeout(timer: Timer): void {
  timer.isSet = false;
}
export const clearInterval = clearTimeout;

export const performance = { now: (): number => running().machine.world.nowMs };

const random = (): number => running().machine.world.random();
const chance: typeof Math = Object.assign(Object.create(Math), { random });

export { chance as Math };

const hex = (digits: number): string =>
  Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");
export const crypto = { randomUUID: (): string => [8, 4, 4, 4, 12].map(hex).join("-") };

export const Buffer = {
  alloc: (bytes: number): Uint8Array => new Uint8Array(bytes),
  from: (text: string): Uint8Array => new TextEncoder().encode(text),
};
