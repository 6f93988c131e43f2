import type { StoredEvent } from 'flotilla';
import { cursor, cursorOf, invalidRequest, withTimeRange, type StoreReader } from 'flotilla/http';
import { z } from 'zod';
import { platform } from './catalogue.js';
import { nextCursor } from './fields.js';

const MAX_PAGE = 500;

const historyCursor = cursor('history', z.strictObject({ subject: z.string(), after: z.int().min(0) }));

export const historyQuery = withTimeRange({
  cursor: historyCursor.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
});

const historyItem = z
  .object({
    id: z.string(),
    type: z.string(),
    time: z.iso.datetime(),
    version: z.int(),
    correlationId: z.string(),
    causationId: z.string().optional(),
    data: z.unknown().describe('As in the catalogue, without personal data'),
  })
  .meta({ id: 'Event', description: 'An event of the history of an aggregate' });

export const historyPage = z
  .object({ items: z.array(historyItem), nextCursor })
  .meta({ id: 'EventPage', description: 'A page of events' });

/** A page of the history of `subject`, oldest first; of one type, if there is a `type`. Undefined if it has no events. A cursor of another history is
 *  refused as not valid. */
export async function readHistory(
  store: Pick<StoreReader, 'read' | 'readAll'>,
  subject: string,
  { cursor: from, limit, since, until, type }: z.output<typeof historyQuery> & { type?: string },
): Promise<z.infer<typeof historyPage> | undefined> {
  if (from !== undefined && from.subject !== subject) {
    throw invalidRequest([{ in: 'query', path: 'cursor', message: 'no cursor of this list' }]);
  }
  const filter = {
    subject,
    ...(type !== undefined && { type }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
  const events = await store.readAll(from?.after ?? 0, limit + 1, filter);
  if (events.length === 0 && (await store.read(subject, 0, 1)).length === 0) return undefined;
  const page = events.slice(0, limit);
  const last = page.at(-1);
  const nextCursor =
    last === undefined || events.length <= limit ? null : cursorOf(historyCursor, { subject, after: last.position });
  return { items: page.map(presentEvent), nextCursor };
}

/** An event in a history, without personal data. */
function presentEvent({ event, version }: StoredEvent): z.infer<typeof historyItem> {
  const { id, type, time, correlationid, causationid, data } = event;
  const definitions: Readonly<Record<string, { readonly pii: readonly string[] }>> = platform.definitions;
  const personal = definitions[type]?.pii ?? [];
  return {
    id,
    type,
    time,
    version,
    correlationId: correlationid,
    causationId: causationid,
    data: without(data, personal),
  };
}

/** A copy without the fields at these dotted paths, in which `*` matches any element. */
function without(value: unknown, paths: readonly string[], prefix = ''): unknown {
  if (Array.isArray(value)) return value.map((element) => without(element, paths, `${prefix}*.`));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !paths.includes(`${prefix}${name}`))
      .map(([name, field]) => [name, without(field, paths, `${prefix}${name}.`)]),
  );
}
