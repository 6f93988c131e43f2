import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { errorOf, FlotillaError } from '../errors.js';
import { CLOUDEVENTS_JSON, subjectText, type EventEnvelope } from './envelope.js';
import { describeIssues } from './create.js';
import { definitionOf, versionOf, type Definitions } from './definitions.js';
import { piiPaths } from './personal.js';
import { isTextLine, noControls, textLine } from './text-line.js';

/** The largest body that is looked into, in bytes. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** Deeper nesting than any schema has: refused before a recursive step can exhaust the stack. */
const MAX_DEPTH = 64;

/** RFC 3339 with a fraction as long as anybody writes it. */
const MAX_TIME = 64;

/** Names of extension attributes. CloudEvents recommends 20 characters. */
const MAX_NAME = 100;

const envelope = z
  .object({
    specversion: z.literal('1.0'),
    id: textLine(256),
    source: textLine(256),
    type: textLine(255),
    subject: subjectText,
    time: z
      .string()
      .max(MAX_TIME, { abort: true })
      .check(z.iso.datetime({ offset: true })),
    dataschema: textLine(512),
    correlationid: textLine(256).optional(),
    causationid: textLine(256).optional(),
    sequence: z
      .string()
      .regex(/^\d{1,16}$/)
      .optional(),
    traceparent: textLine(64).optional(),
    data: z.unknown().optional(),
  })
  .catchall(noControls);

/** What is wrong with a body, or the envelope in it; data not looked at yet. Throws `contract.content_type`,
 *  `contract.too_large`, `contract.not_json` or `contract.not_an_event`. */
export function parseEnvelope(body: Uint8Array, contentType: string | undefined): EventEnvelope {
  if (contentType !== undefined && contentType.split(';')[0]?.trim().toLowerCase() !== CLOUDEVENTS_JSON) {
    throw new FlotillaError('contract.content_type', JSON.stringify(contentType.slice(0, 100)));
  }
  if (body.length > MAX_BODY_BYTES) {
    throw new FlotillaError('contract.too_large', `${body.length} bytes, at most ${MAX_BODY_BYTES}`);
  }
  const json = parseJson(body);
  const result = envelope.safeParse(json);
  if (!result.success) throw new FlotillaError('contract.not_an_event', describeIssues(result.error.issues));
  const parsed = result.data;
  const name = Object.keys(parsed).find((key) => !isTextLine(key, MAX_NAME));
  if (name !== undefined) {
    throw new FlotillaError('contract.not_an_event', `attribute ${JSON.stringify(name.slice(0, 100))}: not a name`);
  }
  return { datacontenttype: 'application/json', data: undefined, correlationid: parsed.id, ...parsed };
}

/** Reads a message as an event of this catalogue: its data checked (loosely: unknown fields pass) against the schema
 *  of its own version, then upcast to the latest. Throws a `contract.*` error that says what is wrong. */
export function decodeEvent(
  definitions: Definitions,
  body: Uint8Array,
  contentType: string | undefined,
): EventEnvelope {
  return upcast(definitions, parseEnvelope(body, contentType));
}

/** The event with its data checked and brought to the latest version of its type. */
export function upcast(definitions: Definitions, event: EventEnvelope): EventEnvelope {
  const definition = definitionOf(definitions, event.type);
  if (definition === undefined)
    throw new FlotillaError('contract.unknown_type', JSON.stringify(event.type.slice(0, 100)));
  const version = versionOf(event.type, event.dataschema);
  if (version === undefined) {
    throw new FlotillaError('contract.not_an_event', `dataschema ${JSON.stringify(event.dataschema.slice(0, 100))}`);
  }
  const written = definition.versions[version];
  if (written === undefined) {
    throw new FlotillaError('contract.newer_version', `${event.type} ${version}, known up to ${definition.latest}`);
  }
  const result = loose(written).safeParse(event.data);
  if (!result.success) {
    const found = describeIssues(result.error.issues, piiPaths(written));
    throw new FlotillaError('contract.invalid_data', `${event.type}: ${found}`);
  }
  if (version === definition.latest) return event;
  let data = event.data;
  try {
    for (let step = version; step < definition.latest; step++) {
      data = definition.upcasters[step]?.(data as never);
    }
  } catch (error) {
    throw errorOf(error);
  }
  return { ...event, dataschema: `urn:flotilla:${event.type}:${definition.latest}`, data };
}

function parseJson(body: Uint8Array): unknown {
  try {
    if (!isUtf8(body)) throw new FlotillaError('contract.not_json', 'not UTF-8');
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
    refuseDepth(text);
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof FlotillaError) throw error;
    throw new FlotillaError('contract.not_json', body.length === 0 ? 'the body is empty' : undefined, { cause: error });
  }
}

/** Whether there are more than `limit` of a character; counts no further. */
function hasMoreThan(limit: number, character: string, text: string): boolean {
  let at = -1;
  for (let count = 0; count <= limit; count++) {
    at = text.indexOf(character, at + 1);
    if (at === -1) return false;
  }
  return true;
}

/** Counts brackets, strings left out, only where there are enough of them to matter. */
function refuseDepth(text: string): void {
  if (!hasMoreThan(MAX_DEPTH / 2, '{', text) && !hasMoreThan(MAX_DEPTH / 2, '[', text)) return;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > MAX_DEPTH) throw new FlotillaError('contract.not_json', `nested deeper than ${MAX_DEPTH}`);
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
}

const looseCache = new WeakMap<z.ZodType, z.ZodType>();

/** The same schema with strict objects opened, at any depth: a consumer lets fields pass that it doesn't know. */
function loose(schema: z.ZodType): z.ZodType {
  const cached = looseCache.get(schema);
  if (cached !== undefined) return cached;
  const opened = open(schema);
  looseCache.set(schema, opened);
  return opened;
}

function open(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) {
    const shape = Object.fromEntries(
      Object.entries(schema.shape as Record<string, z.ZodType>).map(([key, field]) => [key, open(field)]),
    );
    return schema.clone({ ...schema.def, shape, catchall: z.unknown() });
  }
  if (schema instanceof z.ZodArray) return schema.clone({ ...schema.def, element: open(schema.element as z.ZodType) });
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return schema.clone({ ...schema.def, innerType: open(schema.unwrap() as z.ZodType) } as never);
  }
  if (schema instanceof z.ZodUnion) {
    const options = (schema.options as readonly z.ZodType[]).map(open);
    return schema.clone({ ...schema.def, options });
  }
  return schema;
}
