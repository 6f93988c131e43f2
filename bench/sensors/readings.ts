/** Readings of one request. */
export const BATCH = 100;

/** Of a sensor that is read every millisecond from this time on. */
const BEGIN = Date.parse('2026-01-01T00:00:00Z');
const IN_RANGE = 20;
const OUT_OF_RANGE = 40;

export const timeOf = (n: number): number => BEGIN + n;

/** Reading number `n` of a sensor. */
function readingOf(n: number, value = IN_RANGE + (n % 50) / 10) {
  return { type: 'temperature', value, time: new Date(timeOf(n)).toISOString(), seq: n };
}

/** The body of `size` readings from number `n` on. */
export function readingsFrom(n: number, size: number): string {
  return JSON.stringify(size === 1 ? readingOf(n) : Array.from({ length: size }, (_, index) => readingOf(n + index)));
}

/** A batch whose last reading leaves the range. */
export function leavingBatch(): string {
  const last = BATCH - 1;
  return JSON.stringify([...Array.from({ length: last }, (_, n) => readingOf(n)), readingOf(last, OUT_OF_RANGE)]);
}
