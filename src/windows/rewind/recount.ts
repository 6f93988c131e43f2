import { FlotillaError } from '../../errors.js';
import type { WindowsDefinition } from '../definition.js';
import type { ArrivingEvent } from '../engine/arriving-event.js';
import { isUsableKey, MAX_AHEAD_MS, type WindowInput } from '../engine/engine.js';
import type { Pane } from '../engine/pane-cache.js';
import { endsOf, paneOf, panesOf } from '../shapes.js';
import { mergePanes, type Content } from '../state/closing.js';

/** Panes in memory, of one rewind: about 200 MB with small states. */
const MAX_PANES = 500_000;

/** Panes that are counted from history, from a time on, beside the stored ones. Every event counts, however late. */
export class Recount {
  events = 0;
  readonly #panes = new Map<string, Pane>();
  readonly #seen = new Set<string>();
  readonly #seenParts = new Set<string>();

  constructor(
    private readonly definition: WindowsDefinition,
    /** The start of the first window. */
    private readonly from: number,
  ) {}

  /** The start of the first pane. */
  get first(): number {
    const { size, every } = this.definition.window;
    return this.from - (this.definition.window.kind === 'tumbling' ? 0 : size - every);
  }

  panes(): IterableIterator<Pane> {
    return this.#panes.values();
  }

  /** Adds the parts of an event. Throws `windows.rewind_too_large`. */
  add({ source, id, parts }: ArrivingEvent, now: number): void {
    const { first, definition } = this;
    const own = parts.filter(({ input }) => paneOf(definition.window, input.time) >= first);
    if (own.length === 0 || !isNew(this.#seen, `${source} ${id}`)) return;
    for (const part of own) {
      if (part.id !== undefined && !isNew(this.#seenParts, `${source} ${part.id}`)) continue;
      if (part.refusal === undefined && part.input.time <= now + MAX_AHEAD_MS) this.#fold(part.input);
    }
  }

  #fold({ key, time, event, fold }: WindowInput): void {
    const { window, initial } = this.definition;
    if (!isUsableKey(key)) return;
    const start = paneOf(window, time);
    const name = `${start} ${key}`;
    const pane = this.#panes.get(name) ?? { start, key, count: 0, late: 0, state: initial() };
    if (!this.#panes.has(name) && this.#panes.size >= MAX_PANES) throw new FlotillaError('windows.rewind_too_large');
    const before = JSON.stringify(pane.state);
    try {
      pane.state = fold(pane.state, event);
    } catch {
      // refused as it was before; the fold may have changed the state
      pane.state = JSON.parse(before);
      return;
    }
    pane.count += 1;
    this.events += 1;
    this.#panes.set(name, pane);
  }

  /** The windows that begin at `from` or later and end by `until`, in the order of their ends and keys. */
  windows(until: number): { key: string; end: number }[] {
    const { window } = this.definition;
    const found = new Map<string, { key: string; end: number }>();
    for (const { start, key } of this.#panes.values()) {
      for (const end of endsOf(window, start)) {
        if (end - window.size >= this.from && end <= until) found.set(`${end} ${key}`, { key, end });
      }
    }
    return [...found.values()].sort((a, b) => a.end - b.end || (a.key < b.key ? -1 : 1));
  }

  content({ key, end }: { key: string; end: number }): Content | undefined {
    const panes = panesOf(this.definition.window, end).map((start) => this.#panes.get(`${start} ${key}`));
    return mergePanes(
      this.definition,
      end,
      panes.filter((pane) => pane !== undefined),
    );
  }
}

/** Whether the set did not contain the name, which it does from now on. */
function isNew(names: Set<string>, name: string): boolean {
  return names.size < names.add(name).size;
}
