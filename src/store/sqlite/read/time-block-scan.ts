import type { EventRows } from './event-rows.js';

/** Positions after `after` up to and with `through`. */
export interface PositionRange {
  after: number;
  through: number;
}

/** Milliseconds since the epoch: `since` is included, `until` is not. */
export interface TimeSpan {
  since: number;
  until: number;
}

/** The bits of a position within its block; as in the index `flotilla_events_block_time`. Blocks of 512: an event that
 *  is alone in its block costs at most a look at 511 others, and a look at every block of a million events is 2 ms. */
const BITS = 9;
const BLOCK = 2 ** BITS;
/** Blocks in a run at most, so that a page costs no more looks than it has events. */
const LONGEST = 64;

const OF_SPAN = `SELECT 1 FROM flotilla_events e
  WHERE (e.position >> ${BITS}) = block AND e.time >= @since AND e.time < @until`;

/** The first block from `@first` to `@last` with an event of the span. */
const FIRST_WITH = `
  WITH RECURSIVE blocks (block) AS (SELECT @first UNION ALL SELECT block + 1 FROM blocks WHERE block < @last)
  SELECT block FROM blocks WHERE EXISTS (${OF_SPAN}) LIMIT 1`;
const FIRST_WITHOUT = FIRST_WITH.replace('WHERE EXISTS', 'WHERE NOT EXISTS');

/**
 * Where in the order of positions the events of a span of time are. Times need not rise with positions: sensors report
 * late, timers are dated to when they were due. An index on the time alone would give its events in the wrong order,
 * to be sorted anew for every page. So the times are indexed by block of positions, and blocks without an event of the
 * span are stepped over.
 */
export class TimeRuns {
  constructor(private readonly rows: EventRows) {}

  /** The next range of positions in which there may be events of the span; undefined when there are no more. */
  next(after: number, head: number, span: TimeSpan): PositionRange | undefined {
    const last = Math.floor(head / BLOCK);
    const first = this.rows.number(FIRST_WITH, { ...span, first: Math.floor((after + 1) / BLOCK), last });
    if (first === undefined) return undefined;
    const end = this.rows.number(FIRST_WITHOUT, { ...span, first: first + 1, last: first + LONGEST });
    return {
      after: Math.max(after, first * BLOCK - 1),
      through: (end ?? first + LONGEST) * BLOCK - 1,
    };
  }
}
