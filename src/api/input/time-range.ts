import { z } from 'zod';

/** The fields of a query for a time range: `since` inclusive, `until` exclusive. */
const bounds = {
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
};

/** Returns the schema of a query with these fields and a time range, `since` and `until` (RFC 3339). `until` before
 *  `since` is not valid; an empty range is. */
export function withTimeRange<const Shape extends z.ZodRawShape>(shape: Shape) {
  return z.object({ ...shape, ...bounds }).superRefine((query, context) => {
    const { since, until } = query as { since?: string; until?: string };
    if (since === undefined || until === undefined || Date.parse(since) <= Date.parse(until)) return;
    context.addIssue({ code: 'custom', path: ['until'], message: 'until is before since' });
  });
}
