import { messageOf } from '../../errors.js';
import type { Refusal } from './arriving-event.js';
import { FoldFailure, type WindowInput } from './engine.js';

/** Events that are remembered. */
const MAX_FAILURES = 1_000;

/** Events, and parts of events, whose fold failed. They are refused when they are read again, after the state was loaded again. */
export class Failures {
  readonly #refusals = new Map<string, Refusal>();

  /** Remembers the event of a `FoldFailure`. Ignores other errors. */
  remember(error: unknown): void {
    if (!(error instanceof FoldFailure)) return;
    if (this.#refusals.size >= MAX_FAILURES) this.#refusals.clear();
    this.#refusals.set(nameOf(error.input), { code: 'windows.fold_failed', message: messageOf(error.cause) });
  }

  /** Returns why an event is refused; undefined if its fold has not failed. */
  of(event: Pick<WindowInput, 'source' | 'id' | 'part'>): Refusal | undefined {
    return this.#refusals.size === 0 ? undefined : this.#refusals.get(nameOf(event));
  }
}

function nameOf({ source, id, part }: Pick<WindowInput, 'source' | 'id' | 'part'>): string {
  return `${source} ${id} ${part}`;
}
