import { z } from 'zod';

/** What a query of a span of time has besides its own fields: `since` inclusive, `until` exclusive. */
const bounds = {
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
};

/** The schema of a query with these fields and a span of time, `since` and `until` (RFC 3339). A span that is upside
 *  down is not valid; an empty one is. */
export function withTimeRange<const Shape extends z.ZodRawShape>(shape: Shape) {
  return z.object({ ...shape, ...bounds }).superRefine((query, context) => {
    const { since, until } = query as { since?: string; until?: string };
    if (since === undefined || until === undefined || Date.parse(since) <= Date.parse(until)) return;
    context.addIssue({ code: 'custom', path: ['until'], message: 'until is before since' });
  });
}
