import { partRefuses } from './refuses.js';
import { shapeOf, type Json, type NumberPart, type Part, type SchemaNode, type StringPart } from './shape.js';

export interface ExampleOptions {
  /** Whether objects have their optional fields. @default false */
  optional?: boolean;
  /** Which value is taken where several are known, counted from 0. @default 0 */
  pick?: number;
}

/** A schema may contain itself. */
const MAX_DEPTH = 8;
/** Longer examples would not be read. */
const MAX_LENGTH = 64;

/** Texts of common formats and patterns. */
const TEXTS = [
  'text',
  'x',
  'X',
  '1',
  'en',
  'DE',
  'USD',
  '12345',
  'item_1',
  'order/1',
  'ada@example.org',
  '2026-01-31T08:00:00Z',
  '01890a5d-ac96-774b-bcce-b302099a8057',
  'https://example.org/',
];

const OF_FORMAT: Readonly<Record<string, string>> = {
  email: 'ada@example.org',
  'date-time': '2026-01-31T08:00:00Z',
  date: '2026-01-31',
  time: '08:00:00',
  duration: 'P1D',
  uuid: '01890a5d-ac96-774b-bcce-b302099a8057',
  uri: 'https://example.org/',
  ipv4: '127.0.0.1',
  ipv6: '::1',
};

/** A small value that the schema accepts, apart from named rules; undefined if none is found. */
export function exampleOf(node: SchemaNode, options: ExampleOptions = {}, depth = 0): Json | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const { any, literals, parts } = shapeOf(node);
  if (any) return 'x';
  const examples = [...literals, ...parts.flatMap((part) => examplesOf(part, options, depth))];
  return examples[(options.pick ?? 0) % Math.max(1, examples.length)];
}

/** Small values of one part of a schema. */
export function examplesOf(part: Part, options: ExampleOptions = {}, depth = 0): Json[] {
  const inner = (node: SchemaNode | undefined) =>
    node === undefined ? undefined : exampleOf(node, options, depth + 1);
  switch (part.kind) {
    case 'null':
      return [null];
    case 'boolean':
      return [true, false];
    case 'string':
      return textsOf(part);
    case 'number':
      return numbersOf(part);
    case 'array': {
      const wanted = options.optional === true ? Math.min(1, part.maxItems) : 0;
      const length = Math.max(part.minItems, part.first.length, wanted);
      const values = Array.from({ length }, (_, index) => inner(part.first[index] ?? part.rest));
      return values.includes(undefined) ? [] : [values as Json[]];
    }
    case 'object': {
      const names = [...part.required, ...(options.optional === true ? part.fields.keys() : [])];
      const fields = [...new Set(names)].map((name): [string, Json | undefined] => [
        name,
        inner(part.fields.get(name) ?? part.others),
      ]);
      const found = fields.filter(([name, value]) => value !== undefined || part.required.has(name));
      return found.some(([, value]) => value === undefined) ? [] : [Object.fromEntries(found) as Json];
    }
  }
}

function textsOf(part: StringPart): string[] {
  const { minLength, format } = part;
  const candidates =
    format === undefined ? [...TEXTS, 'x'.repeat(Math.min(minLength, MAX_LENGTH))] : [OF_FORMAT[format] ?? ''];
  return candidates.filter((text) => !partRefuses(part, text));
}

function numbersOf(part: NumberPart): number[] {
  const { integer, lower, upper, multipleOf } = part;
  const step = multipleOf ?? (integer ? 1 : 0.5);
  const from = lower?.value ?? Math.min(0, upper?.value ?? 0);
  const first = Math.ceil(from / step) * step;
  const last = upper === undefined ? [] : [Math.floor(upper.value / step) * step];
  return [first, first + step, ...last].filter((value) => !partRefuses(part, value));
}
