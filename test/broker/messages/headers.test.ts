import { expect } from 'chai';
import {
  HEADERS,
  readAttempts,
  readReplays,
  writeAttempts,
  type Attempt,
} from '../../../src/broker/messages/headers.js';

function attempt(n: number, message = `failure ${n}`): Attempt {
  return {
    at: new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString(),
    worker: 'payment',
    instance: 'host-1',
    code: 'worker.handler_failed',
    name: 'Error',
    message,
    delay: n * 1000,
  };
}

describe('the attempt history in headers', () => {
  it('is read as it was written', () => {
    const attempts = [attempt(1), { ...attempt(2), delay: null }];
    expect(readAttempts({ [HEADERS.attempts]: writeAttempts(attempts) })).to.deep.equal(attempts);
  });

  it('keeps the first and the latest attempts', () => {
    const attempts = Array.from({ length: 50 }, (_, n) => attempt(n));
    const kept = readAttempts({ [HEADERS.attempts]: writeAttempts(attempts) });
    expect(kept).to.have.length(20);
    expect(kept[0]).to.deep.equal(attempts[0]);
    expect(kept.at(-1)).to.deep.equal(attempts.at(-1));
  });

  it('does not exceed 8 KiB, whatever the error messages are', () => {
    for (const text of ['x'.repeat(10_000), '€'.repeat(10_000), '"\\'.repeat(5000), '\u0000'.repeat(5000)]) {
      const written = writeAttempts(Array.from({ length: 30 }, (_, n) => attempt(n, text)));
      expect(Buffer.byteLength(written)).to.be.at.most(8 * 1024);
      expect(readAttempts({ [HEADERS.attempts]: written }).length).to.be.greaterThan(0);
    }
  });

  it('reads a malformed header as an empty history', () => {
    for (const value of [
      '',
      '{',
      '{}',
      '[1, null, {"at": 5}]',
      'x'.repeat(100_000),
      7,
      null,
      ['a'],
      '['.repeat(15_000),
    ]) {
      expect(readAttempts({ [HEADERS.attempts]: value })).to.deep.equal([]);
    }
    expect(readReplays({ [HEADERS.replays]: 'many' })).to.equal(0);
  });
});
