import { kindName, type EventKind } from './quarantine-table.js';

const MAX_KINDS = 1_000;

/** The types and versions that this process cannot read, as far as it has seen them. It never can: a release that reads
 *  them runs in another process. Forgets all of them when there are too many. */
export class UnreadableKinds {
  readonly #names = new Set<string>();

  add(kind: EventKind): void {
    if (this.#names.size >= MAX_KINDS) this.#names.clear();
    this.#names.add(kindName(kind));
  }

  has(kind: EventKind): boolean {
    return this.#names.has(kindName(kind));
  }
}
