import { z } from 'zod';

/** Texts that make a pattern or an algorithm slow where it is not linear, `length` characters long. */
export function adversarialTexts(length: number): Record<string, string> {
  const of = (unit: string) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
  return {
    'spaces and a line break': `${of(' ')}\n`,
    'letters and a line break': `${of('a')}\n`,
    'blank lines': of(' \n'),
    'one letter': of('a'),
    'capital letters': of('A'),
    'at signs': of('@'),
    digits: of('1'),
    dots: of('.'),
    'dotted words': of('a.'),
    'the beginning of an address': `a@${of('a-')}`,
    'labels of a domain': `a@${of('a.')}!`,
    'the beginning of a time': `2026-01-01T00:00:00.${of('1')}`,
    dashes: of('-'),
    'hexadecimal digits': of('0f-'),
    hashes: of('#.'),
    quotes: of('"'),
    backslashes: of('\\'),
    'percent signs': of('%25'),
    brackets: of('['),
    'control characters': of('\u0000'),
    'line separators': of('\u2028'),
    'astral characters': of('\u{1f600}'),
    'lone surrogates': of('\ud800'),
    'combining characters': of('e\u0301'),
  };
}

/** What is used of JSON Schema. */
interface JsonSchema {
  type?: string;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
}

export interface Filling {
  /** In place of every string. */
  text: string;
  /** How many elements every array has. */
  elements: number;
  /** How many more fields every object has than its schema. */
  fields: number;
}

/** A value that has the structure of a schema, however large, and fits nothing else of it. */
export function filled(schema: z.ZodType, filling: Filling): unknown {
  return fill(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema, filling);
}

function fill({ type, anyOf, oneOf, items, properties }: JsonSchema, filling: Filling): unknown {
  const { text, elements, fields } = filling;
  const choice = (anyOf ?? oneOf)?.find((option) => option.type !== 'null');
  if (choice !== undefined) return fill(choice, filling);
  switch (type) {
    case 'array': {
      const element = fill(items ?? {}, filling);
      return Array.from({ length: elements }, () => element);
    }
    case 'object': {
      const known = Object.entries(properties ?? {}).map(([name, field]) => [name, fill(field, filling)]);
      const more = Array.from({ length: fields }, (_, n) => [`field${n}`, n]);
      return Object.fromEntries([...known, ...more] as [string, unknown][]);
    }
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return true;
    case undefined:
    default:
      return text;
  }
}

/** Fillings by name that together are about `length` characters, or repeat one text of that length. */
export function fillings(length: number): Record<string, Filling> {
  const texts = Object.entries(adversarialTexts(length));
  return {
    ...Object.fromEntries(texts.map(([name, text]) => [name, { text, elements: 1, fields: 0 }])),
    'many elements': { text: 'a', elements: Math.floor(length / 64), fields: 0 },
    'many fields': { text: 'a', elements: 1, fields: Math.floor(length / 64) },
  };
}

const SIZES = [2 ** 14, 2 ** 17, 2 ** 20];

/** Milliseconds of CPU that any input may take. */
const FLOOR = 250;
/** How much longer eight times the input may take: with a quadratic algorithm it takes 64 times as long. */
const GROWTH = 24;

/** Runs `work` with inputs of 16 KiB up to 1 MiB. Throws as soon as one takes far more CPU than a linear algorithm does,
 *  on a machine of any speed. */
export async function expectLinear(what: string, work: (length: number) => unknown): Promise<void> {
  let before = 0;
  for (const length of SIZES) {
    const limit = FLOOR + GROWTH * before;
    let spent = await cpuOf(() => work(length));
    // the collector of garbage and the compiler share the process: what is slow by itself is slow again
    for (let again = 0; again < 2 && spent > limit; again++) spent = Math.min(spent, await cpuOf(() => work(length)));
    if (spent > limit) {
      throw new Error(
        `${what}: ${length} characters took ${spent.toFixed()} ms of CPU, an eighth of them ${before.toFixed()} ms`,
      );
    }
    before = spent;
  }
}

/** Milliseconds of CPU that the process uses meanwhile. */
async function cpuOf(work: () => unknown): Promise<number> {
  const since = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}
