/** Collects the events of a server or client, and lets a test wait for one of them instead of sleeping. */

type Named = { readonly event: string };
type Of<E extends Named, N extends E["event"]> = Extract<E, { event: N }>;

export class Collector<E extends Named> {
  readonly events: E[] = [];
  #watchers: ((event: E) => void)[] = [];

  /** Hand this one in as `onEvent`. */
  readonly onEvent = (event: E): void => {
    this.events.push(event);
    for (const watcher of [...this.#watchers]) watcher(event);
  };

  /** Those of this name so far. */
  all<N extends E["event"]>(name: N): Of<E, N>[] {
    return this.events.filter((event): event is Of<E, N> => event.event === name);
  }

  /** The first one that matches, of those that came already or of those to come. */
  waitFor<N extends E["event"]>(name: N, matches: (event: Of<E, N>) => boolean = () => true): Promise<Of<E, N>> {
    const isIt = (event: E): event is Of<E, N> => event.event === name && matches(event as Of<E, N>);
    const found = this.events.find(isIt);
    if (found) return Promise.resolve(found);
    return new Promise((resolve) => {
      const watcher = (event: E) => {
        if (!isIt(event)) return;
        this.#watchers = this.#watchers.filter((other) => other !== watcher);
        resolve(event);
      };
      this.#watchers.push(watcher);
    });
  }

  /** Resolves when there are `count` of them. */
  async waitForCount<N extends E["event"]>(name: N, count: number): Promise<void> {
    await this.waitFor(name, () => this.all(name).length >= count);
  }
}
