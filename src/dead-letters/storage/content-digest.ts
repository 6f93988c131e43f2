import { createHash } from 'node:crypto';
import { HEADERS, textHeader } from '../../broker/messages/headers.js';
import { isAttributeHeader } from '../../events/parse-envelope.js';
import type { DeadLetter } from '../dead-letter.js';

/** A digest of everything that a replay of the dead letter sends, except its history. */
export function contentDigest({
  worker,
  body,
  properties,
}: Pick<DeadLetter, 'worker' | 'body' | 'properties'>): string {
  const key = textHeader(properties.headers ?? {}, HEADERS.key) ?? '';
  const attributes = Object.entries(properties.headers ?? {}).filter(([name]) => isAttributeHeader(name));
  const about = JSON.stringify([worker, properties.contentType ?? '', key, ...attributes.sort(byName)]);
  return createHash('sha256').update(about).update(body).digest('hex');
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** The digest of a stored row; rows of earlier releases have none. */
export function contentDigestOfRow(row: {
  content: string | null;
  worker: string;
  body: Uint8Array;
  properties: string;
}): string {
  return row.content ?? contentDigest({ ...row, properties: JSON.parse(row.properties) as DeadLetter['properties'] });
}
