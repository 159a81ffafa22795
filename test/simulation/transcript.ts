/** What happened in a run, in lines that a person can read: time, step, who, what. */
import type { World } from "./world.ts";

const LINES_MAX = 4000;

export class Transcript {
  readonly lines: string[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  say(who: string, what: string): void {
    if (this.lines.length >= LINES_MAX) return;
    const { nowMs, steps } = this.#world;
    this.lines.push(`${nowMs.toFixed(1).padStart(9)} ms  ${String(steps).padStart(6)}  ${who.padEnd(11)} ${what}`);
  }

  event(who: string, event: { readonly event: string }): void {
    this.say(who, `${event.event} ${describe(event)}`);
  }
}

/** The fields of an event that help to read a transcript. */
function describe(event: object): string {
  const { name, offset, code, message, role, peer, path, reason } = event as Record<string, unknown>;
  const said = { name, offset, code, role, peer, path, reason, message };
  return Object.entries(said)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}
