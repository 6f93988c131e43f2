/** Listeners by topic. Each is called in a separate microtask, so that an exception in one cannot end the calling
 *  loop. */
export class Listeners {
  readonly #byTopic = new Map<string, Set<() => void>>();

  /** The topics that have listeners. */
  get topics(): Iterable<string> {
    return this.#byTopic.keys();
  }

  get isEmpty(): boolean {
    return this.#byTopic.size === 0;
  }

  /** Returns a function that removes the listener. */
  add(topic: string, listener: () => void): () => void {
    const entry = () => {
      listener();
    };
    const known = this.#byTopic.get(topic);
    if (known === undefined) this.#byTopic.set(topic, new Set([entry]));
    else known.add(entry);
    return () => {
      const left = this.#byTopic.get(topic);
      left?.delete(entry);
      if (left?.size === 0) this.#byTopic.delete(topic);
    };
  }

  notify(topic: string): void {
    for (const listener of this.#byTopic.get(topic) ?? []) queueMicrotask(listener);
  }

  clear(): void {
    this.#byTopic.clear();
  }
}
