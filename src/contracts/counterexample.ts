import { KEY, type Change, type Witness } from './change.js';
import { exampleOf, examplesOf } from './examples.js';
import { refuses } from './refuses.js';
import type { Json, Part, SchemaNode } from './shape.js';

/** Longer examples would not be read. */
const MAX_LENGTH = 64;

/** Returns data that the writer of one side may write and the reader of the other side certainly refuses; undefined if
 *  no example is found. `stored`: written by the old code and read with the schema `reader` of the new code; `written`:
 *  the reverse. */
export function counterexample(change: Change, side: 'stored' | 'written', reader: SchemaNode): Json | undefined {
  const witness = change[side];
  const of = side === 'stored' ? 'before' : 'after';
  const candidates = witness === undefined ? boundaries(change, side) : valuesOf(witness);
  return candidates
    .map((candidate) =>
      change.steps.reduceRight<Json | undefined>(
        (value, { name, [of]: part }) => (value === undefined ? undefined : containing(part, name, value)),
        candidate,
      ),
    )
    .find((value) => value !== undefined && refuses(reader, value));
}

function valuesOf(witness: Witness): Json[] {
  return 'value' in witness ? [witness.value] : examplesOf(witness.part);
}

/** The values at the end of the wider range and beyond the narrower one. */
function boundaries({ rule, key, before, after }: Change, side: 'stored' | 'written'): Json[] {
  if (!rule.startsWith('bound-')) return [];
  const [wide, narrow] = side === 'stored' ? [before, after] : [after, before];
  const ends = [wide, ...(typeof narrow === 'number' ? [narrow - 1, narrow, narrow + 1] : [])].filter(
    (end) => typeof end === 'number',
  );
  if (key === 'minimum' || key === 'maximum') return ends;
  const lengths = [0, ...ends].filter((length) => Number.isSafeInteger(length) && length >= 0 && length <= MAX_LENGTH);
  return key === 'minLength' || key === 'maxLength' ? lengths.map((length) => 'x'.repeat(length)) : [];
}

function containing(part: Part, name: string, value: Json): Json | undefined {
  if (part.kind === 'array') {
    const index = name === '[]' ? part.first.length : Number(name);
    const before = part.first.slice(0, index).map((node) => exampleOf(node));
    const after = part.first.slice(index + 1).map((node) => exampleOf(node));
    const elements = [...before, value, ...after];
    return elements.includes(undefined) ? undefined : (elements as Json[]);
  }
  const [object] = examplesOf(part);
  if (name === KEY) {
    const inner = part.kind === 'object' && part.others !== undefined ? exampleOf(part.others) : undefined;
    return typeof value === 'string' && inner !== undefined ? { [value]: inner } : undefined;
  }
  if (typeof object !== 'object' || object === null) return undefined;
  return { ...(object as object), [name === '*' ? 'x' : name]: value };
}
