import { createHash } from 'node:crypto';
import { HEADERS, textHeader } from '../broker/headers.js';
import { isAttributeHeader } from '../events/parse-envelope.js';
import type { DeadLetter } from './dead-letter.js';

/** Everything that a replay of the letter sends, apart from its history, as a digest. */
export function contentOf({ worker, body, properties }: Pick<DeadLetter, 'worker' | 'body' | 'properties'>): string {
  const key = textHeader(properties.headers ?? {}, HEADERS.key) ?? '';
  const attributes = Object.entries(properties.headers ?? {}).filter(([name]) => isAttributeHeader(name));
  const about = JSON.stringify([worker, properties.contentType ?? '', key, ...attributes.sort(byName)]);
  return createHash('sha256').update(about).update(body).digest('hex');
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** The same for a row, whose digest is null where an earlier release has kept it. */
export function contentOfRow(row: {
  content: string | null;
  worker: string;
  body: Uint8Array;
  properties: string;
}): string {
  return row.content ?? contentOf({ ...row, properties: JSON.parse(row.properties) as DeadLetter['properties'] });
}
