import { platform } from '../../../platform/catalogue.js';
import { readCommitted } from '../../../src/contracts/committed.js';
import { fuzzDecode, sampleEvents } from '../../events/support/fuzz-decode.js';

/** Decodes hostile messages of every version of the platform: each is answered by an event or a reason. Resolves with a
 *  line about them. Rejects if one is not, or if 1 % of those of ordinary size take a millisecond. */
export async function decodeHostileMessages({
  count,
  seed,
  say,
}: {
  count: number;
  seed: number;
  say: (line: string) => void;
}): Promise<string> {
  const { samples } = await readCommitted(process.cwd());
  const { accepted, refused, p99, p99Elapsed, slowest } = fuzzDecode(platform.definitions, {
    events: sampleEvents(samples),
    count,
    seed,
    onProgress: (done) => done % 100_000 === 0 && say(`${done} of ${count}`),
  });
  if (p99 >= 1_000) throw new Error(`1 % of the messages take ${p99} µs of CPU time`);
  const codes = Object.entries(refused).map(([code, inputs]) => `${code} ${inputs}`);
  say(`accepted ${accepted}; ${codes.join(', ')}`);
  const times = `p99 ${p99} µs of CPU time, ${p99Elapsed.toFixed(0)} µs of the clock`;
  return `${count} messages, ${times}, slowest ${slowest.milliseconds.toFixed(0)} ms (${slowest.kind})`;
}
