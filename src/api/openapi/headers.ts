import type { Json } from './schemas.js';

const text = { type: 'string' };
const header = (description: string, schema: Json, required = true): Json => ({
  description,
  schema,
  ...(required && { required }),
});

/** Response headers, as components. */
export const responseHeaders = {
  'X-Correlation-Id': header('The id under which logs and events of this request are found', text),
  ETag: header('Strong and the version in quotes where the resource has one, otherwise weak', text, false),
  Location: header('The path of the created resource', { type: 'string', format: 'uri-reference' }),
  'Retry-After': header('Seconds after which a retry is worthwhile', { type: 'integer', minimum: 0 }, false),
  'Idempotency-Replayed': header(
    'Present where the answer is that to an earlier request with this Idempotency-Key',
    { const: 'true' },
    false,
  ),
  'WWW-Authenticate': header('`Bearer`; for documents also `Basic`', text),
} satisfies Record<string, Json>;

export type ResponseHeader = keyof typeof responseHeaders;

/** References to header components, by name. */
export function headerRefs(...names: ResponseHeader[]): Record<string, Json> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
