import { change, type Change, type Detail, type Step } from './change.js';
import type { Bound, Json, NumberPart, StringPart } from './shape.js';

/** The differences of two texts. */
export function stringChanges(before: StringPart, after: StringPart, steps: readonly Step[]): Change[] {
  const lost = before.patterns.filter((pattern) => !after.patterns.includes(pattern));
  const added = after.patterns.filter((pattern) => !before.patterns.includes(pattern));
  const patterns = { key: 'pattern', ...textOf('before', lost), ...textOf('after', added) };
  const pattern = lost.length === 0 ? 'pattern-added' : added.length === 0 ? 'pattern-removed' : 'pattern-changed';
  const formats = { key: 'format', ...valueOf('before', before.format), ...valueOf('after', after.format) };
  const format =
    before.format === undefined ? 'format-added' : after.format === undefined ? 'format-removed' : 'format-changed';
  return [
    ...bound('minLength', before.minLength, after.minLength, 'lower', steps),
    ...bound('maxLength', before.maxLength, after.maxLength, 'upper', steps),
    ...(before.format === after.format ? [] : [change(format, steps, formats)]),
    ...(lost.length + added.length === 0 ? [] : [change(pattern, steps, patterns)]),
    ...keywords(before, after, steps),
  ];
}

/** The differences of two numbers. */
export function numberChanges(before: NumberPart, after: NumberPart, steps: readonly Step[]): Change[] {
  const types = { key: 'type', before: numeric(before), after: numeric(after) };
  return [
    ...(before.integer && !after.integer ? [change('type-widened', steps, { ...types, written: { value: 0.5 } })] : []),
    ...(after.integer && !before.integer ? [change('type-narrowed', steps, { ...types, stored: { value: 0.5 } })] : []),
    ...rangeChanges('minimum', before.lower, after.lower, 'lower', steps),
    ...rangeChanges('maximum', before.upper, after.upper, 'upper', steps),
    ...multipleChanges(before.multipleOf, after.multipleOf, steps),
    ...keywords(before, after, steps),
  ];
}

/** The name of its type in JSON Schema. */
export const numeric = ({ integer }: NumberPart) => (integer ? 'integer' : 'number');

function rangeChanges(
  key: string,
  before: Bound | undefined,
  after: Bound | undefined,
  side: 'lower' | 'upper',
  steps: readonly Step[],
): Change[] {
  const none = side === 'lower' ? -Infinity : Infinity;
  const [old, now] = [before?.value ?? none, after?.value ?? none];
  if (old !== now) return bound(key, old, now, side, steps);
  if (before?.exclusive === after?.exclusive) return [];
  const values = { key, ...valueOf('before', before?.value), ...valueOf('after', after?.value) };
  return [change(after?.exclusive === true ? 'bound-tightened' : 'bound-loosened', steps, values)];
}

/** The difference of two bounds; an infinite one is absent. */
export function bound(
  key: string,
  before: number,
  after: number,
  side: 'lower' | 'upper',
  steps: readonly Step[],
): Change[] {
  if (before === after) return [];
  const tightened = side === 'lower' ? after > before : after < before;
  const finite = (name: 'before' | 'after', value: number) => (Number.isFinite(value) ? { [name]: value } : {});
  const values = { key, ...finite('before', before), ...finite('after', after) };
  return [change(tightened ? 'bound-tightened' : 'bound-loosened', steps, values)];
}

function multipleChanges(before: number | undefined, after: number | undefined, steps: readonly Step[]): Change[] {
  if (before === after) return [];
  const values = { key: 'multipleOf', ...valueOf('before', before), ...valueOf('after', after) };
  if (before === undefined) return [change('bound-tightened', steps, values)];
  if (after === undefined) return [change('bound-loosened', steps, values)];
  // only whole numbers can be divided exactly
  const whole = Number.isInteger(before) && Number.isInteger(after);
  if (whole && before % after === 0) return [change('bound-loosened', steps, values)];
  if (whole && after % before === 0) return [change('bound-tightened', steps, values)];
  return [change('bound-changed', steps, values)];
}

/** The difference of keywords that are not compared one by one. */
export function keywords(before: { other: string }, after: { other: string }, steps: readonly Step[]): Change[] {
  if (before.other === after.other) return [];
  return [change('keyword-changed', steps, { key: 'not compared', before: before.other, after: after.other })];
}

function textOf(name: 'before' | 'after', values: readonly string[]): Detail {
  return values.length === 0 ? {} : { [name]: values.join(' ') };
}

function valueOf(name: 'before' | 'after', value: Json | undefined): Detail {
  return value === undefined ? {} : { [name]: value };
}
