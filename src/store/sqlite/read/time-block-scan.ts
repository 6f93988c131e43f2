import type { EventRows } from './event-rows.js';

/** Positions above `after`, up to and including `through`. */
export interface PositionRange {
  after: number;
  through: number;
}

/** Milliseconds since the epoch: `since` is included, `until` is not. */
export interface TimeSpan {
  since: number;
  until: number;
}

/** The bits of a position within its block, as in the index `flotilla_events_block_time`. With blocks of 512, a
 *  single matching event costs at most 511 others, and scanning every block of a million events takes 2 ms. */
const BLOCK_BITS = 9;
const BLOCK_SIZE = 2 ** BLOCK_BITS;
/** Bounds the blocks of one range, so that a page examines no more blocks than it has events. */
const MAX_BLOCKS_IN_RANGE = 64;

const OF_SPAN = `SELECT 1 FROM flotilla_events e
  WHERE (e.position >> ${BLOCK_BITS}) = block AND e.time >= @since AND e.time < @until`;

/** Finds the first block from `@first` to `@last` with an event of the span. */
const FIRST_WITH = `
  WITH RECURSIVE blocks (block) AS (SELECT @first UNION ALL SELECT block + 1 FROM blocks WHERE block < @last)
  SELECT block FROM blocks WHERE EXISTS (${OF_SPAN}) LIMIT 1`;
const FIRST_WITHOUT = FIRST_WITH.replace('WHERE EXISTS', 'WHERE NOT EXISTS');

/**
 * Finds the ranges of positions that have events of a span of time. Times need not rise with positions: sensors report
 * late, and timers are dated to when they were due. An index on time alone would return events in the wrong order and
 * require a sort for every page. Therefore times are indexed by block of positions, and blocks without an event of the
 * span are skipped.
 */
export class TimeBlockScan {
  constructor(private readonly rows: EventRows) {}

  /** Returns the next range of positions that may have events of the span; undefined after the last one. */
  next(after: number, head: number, span: TimeSpan): PositionRange | undefined {
    const last = Math.floor(head / BLOCK_SIZE);
    const first = this.rows.number(FIRST_WITH, { ...span, first: Math.floor((after + 1) / BLOCK_SIZE), last });
    if (first === undefined) return undefined;
    const end = this.rows.number(FIRST_WITHOUT, { ...span, first: first + 1, last: first + MAX_BLOCKS_IN_RANGE });
    return {
      after: Math.max(after, first * BLOCK_SIZE - 1),
      through: (end ?? first + MAX_BLOCKS_IN_RANGE) * BLOCK_SIZE - 1,
    };
  }
}
