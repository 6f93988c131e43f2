import { formatAge } from '../../../duration.js';
import { formatDelay } from '../../../flow/format-delay.js';
import type { ObservedEmits, ObservedFlow, ObservedReads } from '../../../flow/observed.js';
import type { Context } from '../../shared/context.js';
import { table } from '../../shared/output/print-list.js';

/** Prints what services have emitted, then what was handled of it. */
export function printObserved({ emits, reads }: ObservedFlow, { print, say, width }: Context): void {
  if (emits.length + reads.length === 0) {
    say('No part emits or reads a message.');
    return;
  }
  const now = Date.now();
  const emitted = table(emits, emitColumns(now), { width, freeText: ['emitted by'] });
  const handled = table(reads, readColumns(now), { width, freeText: ['read by'] });
  for (const line of [...emitted, '', ...handled]) print(line);
}

function emitColumns(now: number) {
  return {
    type: ({ type }: ObservedEmits) => type,
    source: ({ source }: ObservedEmits) => source,
    'emitted by': ({ emitters }: ObservedEmits) => emitters.join(', '),
    count: countText,
    'per hour': rateText,
    last: (count: ObservedEmits) => lastText(count, now),
    note: ({ count, emitters, isForeign }: ObservedEmits) =>
      [count === 0 && 'never seen', emitters.length === 0 && 'not declared', isForeign && 'foreign source']
        .filter(Boolean)
        .join(', '),
  };
}

function readColumns(now: number) {
  return {
    type: ({ type }: ObservedReads) => type,
    source: ({ source }: ObservedReads) => source,
    'read by': ({ reader }: ObservedReads) => reader,
    count: countText,
    'per hour': rateText,
    p50: ({ p50 }: ObservedReads) => delayText(p50),
    p95: ({ p95 }: ObservedReads) => delayText(p95),
    last: (count: ObservedReads) => lastText(count, now),
    note: ({ count, isDeclared }: ObservedReads) =>
      [count === 0 && 'never seen', !isDeclared && 'not declared'].filter(Boolean).join(', '),
  };
}

const countText = ({ count }: { count: number | null }) => (count === null ? '?' : String(count));

/** Two digits: the average decays, and more digits would not be true. */
function rateText({ perHour }: { perHour: number | null }): string {
  if (perHour === null) return '?';
  return perHour < 0.05 ? '0' : String(Number(perHour.toPrecision(2)));
}

const delayText = (delay: number | null) => (delay === null ? '' : formatDelay(delay));

const lastText = ({ lastAt }: { lastAt: string | null }, now: number) =>
  lastAt === null ? '' : `${formatAge(now - Date.parse(lastAt))} ago`;
