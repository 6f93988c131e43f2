import type { Json } from '../contracts/shape.js';
import { OPERATOR } from '../broker/users/permissions.js';
import type { DescribedMessage, DescribedVersion } from './describe-fleet.js';

/** The attributes of an example that would differ in every event. */
const EXAMPLE_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const EXAMPLE_TIME = '2026-01-31T08:00:00.000Z';

/** A message with these data, in structured mode. */
export function exampleEvent(
  message: DescribedMessage,
  { dataschema, readableFrom }: Pick<DescribedVersion, 'dataschema' | 'readableFrom'>,
  data: Json,
): Record<string, Json> {
  return {
    specversion: '1.0',
    id: EXAMPLE_ID,
    source: message.source ?? message.outside[0] ?? OPERATOR,
    type: message.type,
    subject: `${message.type.split('.', 1).join('')}/1`,
    time: EXAMPLE_TIME,
    datacontenttype: 'application/json',
    dataschema,
    correlationid: EXAMPLE_ID,
    ...(readableFrom !== undefined && { readablefrom: String(readableFrom) }),
    data,
  };
}
