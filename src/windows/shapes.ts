import { parseDuration } from '../duration.js';

/** How windows cut event time. Windows are half-open intervals of milliseconds, aligned to the epoch. State is kept by
 *  *pane*, an interval of length `every`: each event belongs to exactly one pane, and a window consists of the panes
 *  that it covers. */
export interface WindowShape<Kind extends 'tumbling' | 'hopping' | 'sliding' = 'tumbling' | 'hopping' | 'sliding'> {
  readonly kind: Kind;
  /** The length of a window in milliseconds. */
  readonly size: number;
  /** The distance between the starts of two windows, and the length of a pane, in milliseconds. */
  readonly every: number;
}

/** Windows of one size that follow each other without a gap: each event is in one window. */
export function tumbling(size: number | string): WindowShape<'tumbling'> {
  const length = parseDuration(size);
  return { kind: 'tumbling', size: length, every: length };
}

/** Overlapping windows: one begins at each multiple of `every` and has a result if an event is in it. `every` divides
 *  `size`. */
export function hopping(size: number | string, { every }: { every: number | string }): WindowShape<'hopping'> {
  return { kind: 'hopping', size: parseDuration(size), every: parseDuration(every) };
}

/** The last `size` before each multiple of `every`: a key has a result for each of these times before which an event
 *  arrived that no earlier result contains. Unlike with `hopping`, a key without new events has no more results.
 *  `every` divides `size`. */
export function sliding(size: number | string, { every }: { every: number | string }): WindowShape<'sliding'> {
  return { kind: 'sliding', size: parseDuration(size), every: parseDuration(every) };
}

/** The start of the pane that contains a time. */
export function paneOf({ every }: WindowShape, time: number): number {
  return Math.floor(time / every) * every;
}

/** The ends of the windows that contain a pane, ascending. */
export function endsWith({ size, every }: WindowShape, paneStart: number): number[] {
  return Array.from({ length: size / every }, (_, index) => paneStart + (index + 1) * every);
}

/** The ends of the windows that exist because this pane has an event, ascending. */
export function endsOf(shape: WindowShape, paneStart: number): number[] {
  return shape.kind === 'sliding' ? [paneStart + shape.every] : endsWith(shape, paneStart);
}

/** The starts of the panes of a window, ascending. */
export function panesOf({ size, every }: WindowShape, end: number): number[] {
  return Array.from({ length: size / every }, (_, index) => end - size + index * every);
}
