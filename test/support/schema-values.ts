import fc from 'fast-check';
import { exampleOf, examplesOf } from '../../src/contracts/examples.js';
import { partRefuses } from '../../src/contracts/refuses.js';
import {
  shapeOf,
  type Json,
  type NumberPart,
  type Part,
  type SchemaNode,
  type StringPart,
} from '../../src/contracts/shape.js';

/** A schema may contain itself. */
const MAX_DEPTH = 4;
/** Longer values make the test slow. */
const MAX_LENGTH = 3;

/** Generates data by a published schema. Most are accepted by the schema; formats, several patterns of one text and named
 *  rules may not be satisfied. */
export function valuesBy(node: SchemaNode, depth = 0): fc.Arbitrary<Json> {
  const { any, literals, parts } = shapeOf(node);
  if (any) return fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>;
  if (depth > MAX_DEPTH) return fc.constant(exampleOf(node) ?? null);
  return fc.oneof(...literals.map((literal) => fc.constant(literal)), ...parts.map((part) => ofPart(part, depth)));
}

function ofPart(part: Part, depth: number): fc.Arbitrary<Json> {
  const inner = (node: SchemaNode) => valuesBy(node, depth + 1);
  switch (part.kind) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'string':
      return texts(part);
    case 'number':
      return numbers(part);
    case 'array': {
      const { first, rest, minItems, maxItems } = part;
      const others = {
        minLength: Math.max(0, minItems - first.length),
        maxLength: Math.min(maxItems, minItems + MAX_LENGTH),
      };
      return fc
        .tuple(fc.tuple(...first.map(inner)), rest === undefined ? fc.constant([]) : fc.array(inner(rest), others))
        .map(([begin, end]) => [...begin, ...end]);
    }
    case 'object': {
      const { fields, required, others } = part;
      const known = fc.record(Object.fromEntries([...fields].map(([name, field]) => [name, inner(field)])), {
        requiredKeys: [...required].filter((name) => fields.has(name)),
        noNullPrototype: true,
      });
      if (others === undefined) return known;
      const more = fc.dictionary(fc.constantFrom('x', 'y'), inner(others), { maxKeys: 2, noNullPrototype: true });
      return fc.tuple(more, known).map(([other, own]) => ({ ...other, ...own }));
    }
  }
}

function texts(part: StringPart): fc.Arbitrary<string> {
  const { minLength, maxLength, format, patterns } = part;
  const examples = examplesOf(part).map(String);
  const free = fc.string({ minLength, maxLength: Math.min(maxLength, minLength + 8) });
  const known = examples.length === 0 ? [] : [fc.constantFrom(...examples)];
  if (format !== undefined) return fc.oneof(...known.map((arbitrary) => ({ arbitrary, weight: 9 })), free);
  const [pattern] = patterns;
  const matching = pattern === undefined ? free : fc.stringMatching(new RegExp(pattern, 'u'));
  return fc.oneof(...known, matching).filter((text) => known.length === 0 || !partRefuses(part, text));
}

function numbers({ integer, lower, upper }: NumberPart): fc.Arbitrary<number> {
  const min = lower === undefined ? -1000 : lower.value + (lower.exclusive ? 1 : 0);
  const max = upper === undefined ? Math.max(min, 0) + 1000 : upper.value - (upper.exclusive ? 1 : 0);
  if (integer) return fc.integer({ min: Math.ceil(min), max: Math.floor(Math.min(max, min + 2 ** 31)) });
  return fc.double({ min, max, noNaN: true });
}
