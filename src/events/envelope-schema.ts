import { z } from 'zod';
import { MAX_SUBJECT_LENGTH } from './envelope.js';
import { isTextLine, noControls, NOT_A_LINE } from './text-line.js';

/** Maximum length of a time: RFC 3339 with a long fraction. */
export const MAX_TIME_LENGTH = 64;

const MAX_LENGTHS = {
  id: 256,
  source: 256,
  type: 255,
  subject: MAX_SUBJECT_LENGTH,
  datacontenttype: 256,
  dataschema: 512,
  correlationid: 256,
  causationid: 256,
  traceparent: 64,
} as const;

const VERSION = /^[1-9]\d{0,8}$/;
const SEQUENCE = /^\d{1,16}$/;
const TIME = z.core.regexes.datetime({ offset: true });

/** The rule of `textLine` in two checks instead of four: this schema is not published, and runs for every message. */
const line = (name: keyof typeof MAX_LENGTHS) =>
  z
    .string()
    .max(MAX_LENGTHS[name], { abort: true })
    .refine((text) => isTextLine(text, MAX_LENGTHS[name]), NOT_A_LINE);

/** The attributes of a message on the wire; unknown ones are extensions. */
export const envelope = z
  .object({
    specversion: z.literal('1.0'),
    id: line('id'),
    source: line('source'),
    type: line('type'),
    subject: line('subject').optional(),
    time: z
      .string()
      .max(MAX_TIME_LENGTH, { abort: true })
      .check(z.iso.datetime({ offset: true }))
      .optional(),
    datacontenttype: line('datacontenttype').optional(),
    dataschema: line('dataschema').optional(),
    readablefrom: z.string('a version number').regex(VERSION, 'a version number').optional(),
    correlationid: line('correlationid').optional(),
    causationid: line('causationid').optional(),
    sequence: z.string().regex(SEQUENCE).optional(),
    traceparent: line('traceparent').optional(),
    data: z.unknown().optional(),
  })
  .catchall(noControls);

type Attributes = z.output<typeof envelope>;

/** The checks of `envelope` by attribute. */
const checks: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ...Object.entries(MAX_LENGTHS).map(
    ([name, max]) => [name, (value: unknown) => typeof value === 'string' && isTextLine(value, max)] as const,
  ),
  ['specversion', (value) => value === '1.0'],
  ['time', (value) => typeof value === 'string' && value.length <= MAX_TIME_LENGTH && TIME.test(value)],
  ['readablefrom', (value) => typeof value === 'string' && VERSION.test(value)],
  ['sequence', (value) => typeof value === 'string' && SEQUENCE.test(value)],
  ['data', () => true],
]);

/** Whether `envelope` accepts the value, which has no extensions. Decides without zod, which would take a third of the
 *  time in which a message is decoded. */
export function isPlainEnvelope(value: unknown): value is Attributes {
  if (typeof value !== 'object' || value === null) return false;
  const attributes = value as Record<string, unknown>;
  for (const name of Object.keys(attributes)) if (checks.get(name)?.(attributes[name]) !== true) return false;
  return ['specversion', 'id', 'source', 'type'].every((name) => Object.hasOwn(attributes, name));
}
