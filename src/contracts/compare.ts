import { accepts } from './refuses.js';
import { change, KEY, type Change, type Step } from './change.js';
import { bound, keywords, numberChanges, numeric, stringChanges } from './compare-scalars.js';
import {
  resolved,
  shapeOf,
  type ArrayPart,
  type Json,
  type ObjectPart,
  type Part,
  type SchemaNode,
  type Shape,
} from './shape.js';

export interface CompareOptions {
  /** Whether the reader is closed, too: it refuses fields that it does not know. @default false */
  isStrict?: boolean;
}

/** Compares two schemas of the same version. The writer is closed: it writes the declared fields only. The reader is
 *  open: it ignores fields that it does not know. Every pair of values for which the changes say that no direction
 *  breaks can be read in both directions. */
export function compareSchemas(
  before: SchemaNode,
  after: SchemaNode,
  { isStrict = false }: CompareOptions = {},
): Change[] {
  return new Comparison(isStrict).nodes(before, after, []);
}

class Comparison {
  /** Pairs that are compared already: a schema may contain itself. */
  readonly #seen: Map<unknown, Set<unknown>>;

  /** See `CompareOptions`. */
  readonly #isStrict: boolean;

  constructor(isStrict: boolean, seen: ReadonlyMap<unknown, ReadonlySet<unknown>> = new Map()) {
    this.#isStrict = isStrict;
    this.#seen = new Map([...seen].map(([schema, others]) => [schema, new Set(others)]));
  }

  nodes(givenBefore: SchemaNode, givenAfter: SchemaNode, steps: readonly Step[]): Change[] {
    const before = resolved(givenBefore);
    const after = resolved(givenAfter);
    const seen = this.#seen.get(before.schema) ?? new Set();
    if (typeof before.schema === 'object' && seen.has(after.schema)) return [];
    this.#seen.set(before.schema, seen.add(after.schema));
    const [old, now] = [shapeOf(before), shapeOf(after)];
    const defaults = defaultChanges(before, after, steps);
    if (old.any || now.any) {
      if (old.any && now.any) return defaults;
      const rule = old.any ? 'type-narrowed' : 'type-widened';
      return [...defaults, change(rule, steps, { key: 'type', ...typesOf(old, now) })];
    }
    return merged(old, now, steps, [
      ...defaults,
      ...this.#nulls(old, now, steps),
      ...this.#literals(old, now, steps),
      ...this.#parts(old, now, steps),
    ]);
  }

  #nulls(old: Shape, now: Shape, steps: readonly Step[]): Change[] {
    const [was, is] = [old, now].map(({ parts }) => parts.some(({ kind }) => kind === 'null'));
    if (was === is) return [];
    const nullable = was ? old : now;
    const nothingElse = nullable.parts.length + nullable.literals.length === 1;
    if (nothingElse)
      return [change(was ? 'type-narrowed' : 'type-widened', steps, { key: 'type', ...typesOf(old, now) })];
    return was
      ? [change('nullable-removed', steps, { key: 'type', stored: { value: null } })]
      : [change('nullable-added', steps, { key: 'type', written: { value: null } })];
  }

  #literals(old: Shape, now: Shape, steps: readonly Step[]): Change[] {
    const has = (list: readonly Json[], value: Json) => list.some((other) => same(other, value));
    const removed = old.literals.filter((value) => !has(now.literals, value) && !accepts(now.parts, value));
    const added = now.literals.filter((value) => !has(old.literals, value) && !accepts(old.parts, value));
    const [first] = removed;
    const [second] = added;
    const constant = old.literals.length === 1 && now.literals.length === 1;
    if (constant && first !== undefined && second !== undefined) {
      const values = { key: 'const', before: first, after: second };
      return [change('const-changed', steps, { ...values, stored: { value: first }, written: { value: second } })];
    }
    return [
      ...removed.map((value) =>
        change(now.literals.length > 0 ? 'enum-value-removed' : 'type-narrowed', steps, {
          key: 'enum',
          before: value,
          stored: { value },
        }),
      ),
      ...added.map((value) =>
        change(old.literals.length > 0 ? 'enum-value-added' : 'type-widened', steps, {
          key: 'enum',
          after: value,
          written: { value },
        }),
      ),
    ];
  }

  #parts(old: Shape, now: Shape, steps: readonly Step[]): Change[] {
    const before = old.parts.filter(({ kind }) => kind !== 'null');
    const after = now.parts.filter(({ kind }) => kind !== 'null');
    const sides = [before, after] as const;
    const by = sides.some(isUnionOfObjects) ? discriminatorOf([...before, ...after]) : undefined;
    if (by === undefined && sides.every(isUnionOfObjects)) {
      const [was, is] = sides.map(discriminatorOf);
      if (was !== undefined && is !== undefined) {
        return [change('discriminator-changed', steps, { key: 'oneOf', before: was, after: is })];
      }
    }
    const groups = new Map<string, { before: Part[]; after: Part[] }>();
    for (const [side, parts] of [['before', before] as const, ['after', after] as const]) {
      for (const part of parts) {
        const key = `${part.kind} ${by === undefined ? '' : JSON.stringify(constantOf(part, by))}`;
        const group = groups.get(key) ?? { before: [], after: [] };
        group[side].push(part);
        groups.set(key, group);
      }
    }
    return [...groups.values()].flatMap((group) => {
      const [first, ...more] = group.before;
      const [second, ...others] = group.after;
      const single = more.length + others.length === 0;
      if (single && first !== undefined && second !== undefined) return this.#part(first, second, steps);
      return this.#coverage(group.before, group.after, steps);
    });
  }

  /** Members of a union that cannot be matched one to one: each must be included in a member of the other side. */
  #coverage(before: readonly Part[], after: readonly Part[], steps: readonly Step[]): Change[] {
    const breaks = (old: Part, now: Part, direction: 'backward' | 'forward') =>
      new Comparison(this.#isStrict, this.#seen).#part(old, now, []).some((found) => found[direction] === 'breaks');
    const lost = before.filter((old) => !after.some((now) => !breaks(old, now, 'backward')));
    const fresh = after.filter((now) => !before.some((old) => !breaks(old, now, 'forward')));
    return [
      ...lost.map((part) => change('type-narrowed', steps, { key: 'anyOf', before: labelOf(part), stored: { part } })),
      ...fresh.map((part) => change('type-widened', steps, { key: 'anyOf', after: labelOf(part), written: { part } })),
    ];
  }

  #part(before: Part, after: Part, steps: readonly Step[]): Change[] {
    if (before.kind === 'string' && after.kind === 'string') return stringChanges(before, after, steps);
    if (before.kind === 'number' && after.kind === 'number') return numberChanges(before, after, steps);
    if (before.kind === 'array' && after.kind === 'array') return this.#array(before, after, steps);
    if (before.kind === 'object' && after.kind === 'object') return this.#object(before, after, steps);
    return before.kind === after.kind ? [] : [change('type-changed', steps, { key: 'type' })];
  }

  #array(before: ArrayPart, after: ArrayPart, steps: readonly Step[]): Change[] {
    const length = Math.max(before.first.length, after.first.length);
    const element = (name: string, old: SchemaNode | undefined, now: SchemaNode | undefined) =>
      old === undefined || now === undefined ? [] : this.nodes(old, now, [...steps, { name, before, after }]);
    return [
      ...bound('minItems', before.minItems, after.minItems, 'lower', steps),
      ...bound('maxItems', before.maxItems, after.maxItems, 'upper', steps),
      ...keywords(before, after, steps),
      ...Array.from({ length }, (_, index) =>
        element(String(index), before.first[index] ?? before.rest, after.first[index] ?? after.rest),
      ).flat(),
      ...element('[]', before.rest, after.rest),
    ];
  }

  #object(before: ObjectPart, after: ObjectPart, steps: readonly Step[]): Change[] {
    const names = [...new Set([...namesOf(before), ...namesOf(after)])];
    const changes = names.flatMap((name) => this.#field(name, before, after, steps));
    return [...withRenames(changes), ...this.#others(before, after, steps), ...keywords(before, after, steps)];
  }

  #field(name: string, before: ObjectPart, after: ObjectPart, steps: readonly Step[]): Change[] {
    const [old, now] = [fieldOf(before, name), fieldOf(after, name)];
    const [needed, needs] = [before.required.has(name), after.required.has(name)];
    const values = { key: name, ...(old && { before: plain(old) }), ...(now && { after: plain(now) }) };
    const isRefused = (part: ObjectPart) => this.#isStrict && part.others === undefined && !part.ignoresOthers;
    if (old === undefined) {
      if (isRefused(before) && !needs) return [change('field-refused-before', steps, values)];
      return needs
        ? [change('field-added-required', steps, { ...values, stored: { part: before } })]
        : [change('field-added-optional', steps, values)];
    }
    if (now === undefined) {
      if (isRefused(after)) return [change('field-refused-now', steps, values)];
      return needed
        ? [change('field-removed-required', steps, { ...values, written: { part: after } })]
        : [change('field-removed-optional', steps, values)];
    }
    const presence = { key: name };
    return [
      ...(needs && !needed ? [change('field-became-required', steps, { ...presence, stored: { part: before } })] : []),
      ...(needed && !needs ? [change('field-became-optional', steps, { ...presence, written: { part: after } })] : []),
      ...this.nodes(old, now, [...steps, { name, before, after }]),
    ];
  }

  #others(before: ObjectPart, after: ObjectPart, steps: readonly Step[]): Change[] {
    if (before.others === undefined || after.others === undefined) {
      if (before.others === after.others) return [];
      const rule = before.others === undefined ? 'object-opened' : 'object-closed';
      return [change(rule, steps, { key: 'additionalProperties' })];
    }
    const step = (name: string) => [...steps, { name, before, after }];
    return [
      ...this.nodes(before.names ?? ANY_NAME, after.names ?? ANY_NAME, step(KEY)),
      ...this.nodes(before.others, after.others, step('*')),
    ];
  }
}

const ANY_NAME: SchemaNode = { schema: { type: 'string' }, root: {} };

/** A removed and an added field of the same schema are probably one field with another name. */
function withRenames(changes: readonly Change[]): Change[] {
  const left = new Set(changes);
  const renames: Change[] = [];
  for (const removed of changes.filter(({ rule }) => rule.startsWith('field-removed'))) {
    const added = [...left].find(({ rule, after }) => rule.startsWith('field-added') && same(after, removed.before));
    if (added === undefined) continue;
    left.delete(removed);
    left.delete(added);
    renames.push(
      change('field-renamed?', removed.steps, {
        key: removed.key,
        before: removed.key,
        after: added.key,
        ...(added.stored && { stored: added.stored }),
        ...(removed.written && { written: removed.written }),
      }),
    );
  }
  return [...renames, ...left];
}

/** At one place, a lost and an added type are one changed type. */
function merged(old: Shape, now: Shape, steps: readonly Step[], changes: readonly Change[]): Change[] {
  const here = changes.filter(({ steps: at }) => at.length === steps.length);
  const narrowed = here.find(({ rule }) => rule === 'type-narrowed');
  const widened = here.find(({ rule }) => rule === 'type-widened');
  const alternatives = (shape: Shape) => shape.parts.length + Math.min(shape.literals.length, 1);
  if (narrowed === undefined || widened === undefined || alternatives(old) > 1 || alternatives(now) > 1)
    return [...changes];
  const { stored } = narrowed;
  const { written } = widened;
  const both = { ...(stored && { stored }), ...(written && { written }) };
  return [change('type-changed', steps, { key: 'type', ...typesOf(old, now), ...both })];
}

/** The value of an absent field; only requests have it. */
function defaultChanges(before: SchemaNode, after: SchemaNode, steps: readonly Step[]): Change[] {
  const [old, now] = [before, after].map(({ schema }) =>
    typeof schema === 'object' ? (schema['default'] as Json | undefined) : undefined,
  );
  if (old === undefined || now === undefined || same(old, now)) return [];
  return [change('default-changed', steps, { key: 'default', before: old, after: now })];
}

function namesOf({ fields, required }: ObjectPart): string[] {
  return [...fields.keys(), ...required];
}

/** The schema of a field that data may have. A reader without the field ignores it. */
function fieldOf({ fields, others }: ObjectPart, name: string): SchemaNode | undefined {
  return fields.get(name) ?? others;
}

/** The field whose constants distinguish all objects among these parts. */
function discriminatorOf(parts: readonly Part[]): string | undefined {
  const objects = parts.filter((part): part is ObjectPart => part.kind === 'object');
  const [first] = objects;
  if (first === undefined) return undefined;
  return [...first.required].find((name) => objects.every((part) => constantOf(part, name) !== undefined));
}

function isUnionOfObjects(parts: readonly Part[]): boolean {
  return parts.filter(({ kind }) => kind === 'object').length > 1;
}

function constantOf(part: Part, name: string): Json | undefined {
  const field = part.kind === 'object' && part.required.has(name) ? part.fields.get(name) : undefined;
  if (field === undefined) return undefined;
  const { any, literals, parts } = shapeOf(field);
  return !any && parts.length === 0 && literals.length === 1 ? literals[0] : undefined;
}

function typesOf(old: Shape, now: Shape): { before: string; after: string } {
  return { before: labelOfShape(old), after: labelOfShape(now) };
}

function labelOfShape({ any, literals, parts }: Shape): string {
  if (any) return 'any';
  return [...parts.map(labelOf), ...literals.map((value) => JSON.stringify(value))].join(' | ') || 'never';
}

function labelOf(part: Part): string {
  return part.kind === 'number' ? numeric(part) : part.kind;
}

function plain({ schema }: SchemaNode): Json {
  return schema as unknown as Json;
}

function same(a: Json | undefined, b: Json | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
