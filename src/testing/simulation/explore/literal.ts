import { inspect } from 'node:util';

/** Prints a value as a literal that can be pasted into a program. Instances of classes are printed for reading only. */
export function literal(value: unknown): string {
  return print(writable(value, []));
}

/** Program text, printed unchanged. */
class Text {
  constructor(private readonly text: string) {}

  [inspect.custom](): string {
    return this.text;
  }
}

function writable(value: unknown, within: readonly object[]): unknown {
  if (typeof value !== 'object' || value === null || within.includes(value)) return value;
  const inner = (each: unknown): unknown => writable(each, [...within, value]);
  if (Array.isArray(value)) return Array.from(value, inner);
  if (value instanceof Date)
    return new Text(`new Date(${Number.isNaN(value.getTime()) ? 'NaN' : print(value.toJSON())})`);
  if (value instanceof Map) return new Text(`new Map(${print(inner([...value]))})`);
  if (value instanceof Set) return new Text(`new Set(${print(inner([...value]))})`);
  if (value instanceof Uint8Array) return new Text(`Uint8Array.from(${print([...value])})`);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inner(each)]));
}

function print(value: unknown): string {
  const whole = { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity } as const;
  return inspect(value, { ...whole, breakLength: 160 });
}
