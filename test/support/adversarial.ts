import { z } from 'zod';

/** Texts that are slow for patterns and algorithms of superlinear time. `of` repeats a unit up to the length. */
const TEXTS: Readonly<Record<string, (of: (unit: string) => string) => string>> = {
  'spaces and a line break': (of) => `${of(' ')}\n`,
  'letters and a line break': (of) => `${of('a')}\n`,
  'blank lines': (of) => of(' \n'),
  'one letter': (of) => of('a'),
  'capital letters': (of) => of('A'),
  'at signs': (of) => of('@'),
  digits: (of) => of('1'),
  dots: (of) => of('.'),
  'dotted words': (of) => of('a.'),
  'the beginning of an address': (of) => `a@${of('a-')}`,
  'labels of a domain': (of) => `a@${of('a.')}!`,
  'the beginning of a time': (of) => `2026-01-01T00:00:00.${of('1')}`,
  dashes: (of) => of('-'),
  'hexadecimal digits': (of) => of('0f-'),
  hashes: (of) => of('#.'),
  quotes: (of) => of('"'),
  backslashes: (of) => of('\\'),
  'percent signs': (of) => of('%25'),
  brackets: (of) => of('['),
  'control characters': (of) => of('\u0000'),
  'line separators': (of) => of('\u2028'),
  'astral characters': (of) => of('\u{1f600}'),
  'lone surrogates': (of) => of('\ud800'),
  'combining characters': (of) => of('e\u0301'),
};

/** The names of adversarial texts. */
export const textShapes = Object.keys(TEXTS);

/** A text of `length` characters. */
export function adversarialText(shape: string, length: number): string {
  const text = TEXTS[shape];
  if (text === undefined) throw new Error(`no such shape: ${shape}`);
  return text((unit) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length));
}

/** Texts of `length` characters by shape. */
export function adversarialTexts(length: number): Record<string, string> {
  return Object.fromEntries(textShapes.map((shape) => [shape, adversarialText(shape, length)]));
}

/** The supported part of JSON Schema. */
interface JsonSchema {
  type?: string;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
}

export interface Filling {
  /** Replaces every string. */
  text: string;
  /** The number of elements of every array. */
  elements: number;
  /** The number of additional fields of every object. */
  fields: number;
}

/** A value with the structure of a schema that may violate its other constraints, of any size. */
export function filled(schema: z.ZodType, filling: Filling): unknown {
  let json = jsonSchemas.get(schema);
  json ??= z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  jsonSchemas.set(schema, json);
  return fill(json, filling);
}

/** The conversion takes longer than to fill a schema. */
const jsonSchemas = new WeakMap<z.ZodType, JsonSchema>();

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

/** The names of fillings. */
export const fillingShapes = [...textShapes, 'many elements', 'many fields'];

/** A filling of about `length` characters in total, or that repeats one text of that length. */
export function fillingOf(shape: string, length: number): Filling {
  if (shape === 'many elements') return { text: 'a', elements: Math.floor(length / 64), fields: 0 };
  if (shape === 'many fields') return { text: 'a', elements: 1, fields: Math.floor(length / 64) };
  return { text: adversarialText(shape, length), elements: 1, fields: 0 };
}

const SIZES = [2 ** 14, 2 ** 17, 2 ** 20];

/** Milliseconds of CPU time that any input may take. */
const FLOOR = 250;
/** The accepted factor for eight times the input; a quadratic algorithm takes 64 times as long. */
const GROWTH = 24;
/** A quadratic algorithm needs far more milliseconds of CPU time for 128 KiB, so that larger inputs show nothing. */
const NEGLIGIBLE = 10;

/** Runs `work` with inputs of 16 KiB to 1 MiB, or to 128 KiB if these take next to no time. Throws when an input takes far more CPU time than a linear algorithm
 *  needs, on a machine of any speed. */
export async function expectLinear(what: string, work: (length: number) => unknown): Promise<void> {
  let before = 0;
  for (const length of SIZES) {
    const limit = FLOOR + GROWTH * before;
    let spent = await cpuOf(() => work(length));
    // garbage collection and compilation run in this process, so only a repeated excess counts
    for (let again = 0; again < 2 && spent > limit; again++) spent = Math.min(spent, await cpuOf(() => work(length)));
    if (spent > limit) {
      throw new Error(
        `${what}: ${length} characters took ${spent.toFixed()} ms of CPU, an eighth of them ${before.toFixed()} ms`,
      );
    }
    if (length > 2 ** 16 && spent < NEGLIGIBLE) return;
    before = spent;
  }
}

/** Milliseconds of CPU time that the process used. */
async function cpuOf(work: () => unknown): Promise<number> {
  const since = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}
