import { z } from 'zod';

const time = z.int();
const count = z.int().min(0);

/** The part that all results have. Times are milliseconds since the epoch, in UTC. */
const windowData = z.strictObject({
  key: z.string(),
  /** Inclusive. */
  start: time,
  /** Exclusive. */
  end: time,
  /** The events of the window. */
  count,
  /** Those of its events that arrived after it had been closed, counted or not. */
  late: count,
  /** False for an early result: the window is not closed yet. */
  final: z.boolean(),
  /** 0 for the first result of the window, and 1 more for each result that replaces it. */
  revision: count,
  /** The id of the result that this one replaces. */
  corrects: z.string().optional(),
  /** No more events before this time were expected when the result was emitted. */
  watermark: time,
  /** The version of the definition. */
  version: z.int().min(1),
});

/** The window of a result. */
export type WindowData = z.infer<typeof windowData>;

/** Returns the schema of a result: the given fields and `window`. */
export function windowResult<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
): z.ZodObject<Shape & { window: typeof windowData }, z.core.$strict> {
  return z.strictObject({ ...shape, window: windowData });
}
