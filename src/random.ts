import { randomFillSync } from 'node:crypto';

/** Random bytes in stock: requesting 16 bytes from the system costs ten times as much as the rest of an id. */
const stock = Buffer.alloc(16 * 256);
let taken = stock.length;

/** Returns unused bytes of a cryptographically secure random generator, at most a few dozen; valid until the next call. */
export function someRandomBytes(count: number): Buffer {
  if (taken + count > stock.length) {
    randomFillSync(stock);
    taken = 0;
  }
  return stock.subarray(taken, (taken += count));
}
