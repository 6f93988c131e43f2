import {
  shapeOf,
  type ArrayPart,
  type Json,
  type NumberPart,
  type ObjectPart,
  type Part,
  type SchemaNode,
  type StringPart,
} from './shape.js';

/** Whether an open reader with this schema certainly refuses a value. Formats and named rules are not evaluated: a value
 *  that only they refuse counts as accepted. */
export function refuses(node: SchemaNode, value: Json): boolean {
  const { any, literals, parts } = shapeOf(node);
  if (any || literals.some((literal) => JSON.stringify(literal) === JSON.stringify(value))) return false;
  return parts.every((part) => partRefuses(part, value));
}

/** Whether one of these parts certainly accepts a value. */
export function accepts(parts: readonly Part[], value: Json): boolean {
  return parts.some((part) => {
    if (part.kind === 'string' && part.format !== undefined) return false;
    return !('other' in part && part.other !== '') && !partRefuses(part, value);
  });
}

/** Whether an open reader with this part certainly refuses a value. */
export function partRefuses(part: Part, value: Json): boolean {
  switch (part.kind) {
    case 'null':
      return value !== null;
    case 'boolean':
      return typeof value !== 'boolean';
    case 'string':
      return typeof value !== 'string' || stringRefuses(part, value);
    case 'number':
      return typeof value !== 'number' || numberRefuses(part, value);
    case 'array':
      return !Array.isArray(value) || arrayRefuses(part, value as readonly Json[]);
    case 'object':
      return !isRecord(value) || objectRefuses(part, value);
  }
}

function stringRefuses({ minLength, maxLength, patterns }: StringPart, text: string): boolean {
  if (text.length < minLength || text.length > maxLength) return true;
  return !patterns.every((pattern) => new RegExp(pattern, 'u').test(text));
}

function numberRefuses({ integer, lower, upper, multipleOf }: NumberPart, value: number): boolean {
  if ((integer && !Number.isInteger(value)) || (multipleOf !== undefined && value % multipleOf !== 0)) return true;
  const above = lower === undefined || value > lower.value || (!lower.exclusive && value === lower.value);
  const below = upper === undefined || value < upper.value || (!upper.exclusive && value === upper.value);
  return !above || !below;
}

function arrayRefuses({ first, rest, minItems, maxItems }: ArrayPart, elements: readonly Json[]): boolean {
  if (elements.length < minItems || elements.length > maxItems) return true;
  return elements.some((element, index) => {
    const node = first[index] ?? rest;
    return node === undefined || refuses(node, element);
  });
}

function objectRefuses(
  { fields, required, others, names }: ObjectPart,
  object: Readonly<Record<string, Json>>,
): boolean {
  if ([...required].some((name) => !Object.hasOwn(object, name))) return true;
  return Object.entries(object).some(([name, value]) => {
    if (!fields.has(name) && names !== undefined && refuses(names, name)) return true;
    const node = fields.get(name) ?? others;
    // an open reader ignores fields that it does not know
    return node !== undefined && refuses(node, value);
  });
}

function isRecord(value: Json): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
