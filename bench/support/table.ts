import { NotInstalledError } from './programs.js';
import type { Speed } from './rounds.js';

/** A line of the report: a benchmark with the result of Flotilla, the result of the bare driver in the same run, and
 *  the limit of their ratio: at least `target`, or at most `atMost`. */
export interface Row {
  name: string;
  ours: string;
  bare: string;
  ratio?: number;
  target?: number;
  atMost?: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function rate({ perSecond, cpu }: Speed): string {
  return `${Math.round(perSecond).toLocaleString('en-US')}/s (${cpu.toFixed(0)} µs CPU)`;
}

/** The speed of a variant, or why it was not measured: the first line of its error. */
export function rateOrFailure(outcome: Speed | Error): string {
  if (!(outcome instanceof Error)) return rate(outcome);
  const [line = ''] = outcome.message.split('\n');
  const text = line.replaceAll('|', '/');
  return outcome instanceof NotInstalledError ? text : `failed: ${text}`;
}

/** Prints a Markdown table for the documentation. */
export function printTable(rows: readonly Row[]): void {
  console.log('\n| What | Flotilla | Compared with | Ratio | Target |\n| --- | --- | --- | --- | --- |');
  for (const row of rows) {
    console.log(`| ${row.name} | ${row.ours} | ${row.bare} | ${row.ratio?.toFixed(2) ?? ''} | ${verdictOf(row)} |`);
  }
}

function verdictOf({ ratio, target, atMost }: Row): string {
  if (ratio === undefined) return '';
  if (target !== undefined) return `${target.toFixed(2)} ${ratio >= target ? 'met' : 'missed'}`;
  if (atMost !== undefined) return `at most ${atMost.toFixed(2)} ${ratio <= atMost ? 'met' : 'missed'}`;
  return '';
}
