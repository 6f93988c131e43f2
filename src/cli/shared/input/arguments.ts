import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../../duration.js';
import { FlotillaError } from '../../../errors.js';

/** Parses a whole number of at least 1. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value < 1) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return value;
}

/** Parses a whole number of at least 0. */
export function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** Parses a number greater than 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1_000_000)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

/** Parses a time in the format of RFC 3339, or a duration before now (`2h`). */
export function time(text: string): string {
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Date.now() - duration(text);
  if (Number.isNaN(at))
    throw new InvalidArgumentError(`It must be such as 2026-01-31T08:00:00Z, or '2h' for two hours ago.`);
  return new Date(at).toISOString();
}

/** Parses a duration; returns milliseconds. */
export function interval(text: string): number {
  const value = duration(text);
  if (!(value > 0)) throw new InvalidArgumentError("It must be a duration such as '500ms', '2s' or '1m'.");
  return value;
}

/** Collects the values of a repeated option. */
export function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof FlotillaError) return NaN;
    throw error;
  }
}
