import type { Pane } from './pane-cache.js';
import type { StoredWatermark } from './watermark.js';

/** A window of one key. */
export interface WindowOfKey {
  key: string;
  end: number;
}

/** What became of an event that is not in the first result of its window. `corrected`: in a later result. `ignored`: in
 *  none, by `late: 'ignore'`. `expired`: in none, because it arrived more than `correctFor` after the window had been
 *  closed. `refused`: it has no usable data, key or time; `code` says why. */
export type LateOutcome = 'corrected' | 'ignored' | 'expired' | 'refused';

/** An event, or a part of one, that was late or refused. */
export interface LateEvent {
  eventId: string;
  /** The id of the part or, without one, its place in the event from 0; empty for an event that is not split. */
  part: string;
  source: string;
  type: string;
  key: string;
  /** Event time. */
  time: number;
  outcome: LateOutcome;
  /** The first window that it missed; 0 if refused. */
  windowEnd: number;
  /** By how much: with a grace period longer by this time it would not have been late. 0 if refused. */
  lateBy: number;
  /** The error, if refused. */
  code: string;
  message: string;
  /** When it arrived. */
  at: number;
}

/** A pane as it is stored. */
export interface PaneRow extends Omit<Pane, 'state'> {
  /** JSON. */
  state: string;
}

/** A part of the work, in this order: write panes and late events, emit the results of `changed` windows again, then
 *  close the windows that end at `ends`. Immutable, so that a transaction may run more than once. */
export interface Segment {
  readonly panes: readonly PaneRow[];
  readonly late: readonly LateEvent[];
  readonly changed: readonly WindowOfKey[];
  readonly ends: readonly number[];
  /** The state of the watermark after it. */
  readonly watermark: Readonly<StoredWatermark>;
}
