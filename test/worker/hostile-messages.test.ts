import { expect } from 'chai';
import { baseCatalogue, catalogue, command, textLine } from 'flotilla';
import { z } from 'zod';
import { testFleet, type TestFleet } from '../support/test-fleet.js';

const notes = catalogue(baseCatalogue, { 'note.write': command({ 1: z.strictObject({ text: textLine(200) }) }) });

describe('a worker that receives hostile messages', function () {
  this.timeout(60_000);
  let fleet: TestFleet | undefined;

  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
  });

  it('dead-letters texts that take a quadratic pattern for ever, and handles what follows', async () => {
    const handled: string[] = [];
    const worker = notes.defineWorker({
      name: 'notes',
      on: { 'note.write': ({ data: { text } }) => void handled.push(text) },
    });
    fleet = await testFleet(worker);
    const good = fleet.event('note.write', { text: 'good' });
    const since = process.cpuUsage();
    for (const text of [`${' '.repeat(2 ** 19)}\n`, `${'a'.repeat(2 ** 19)}\n`, 'a\u0000b', '\u001b[2J', 'a\ud800']) {
      await fleet.sendRaw(Buffer.from(JSON.stringify({ ...good, data: { text } })));
    }
    await fleet.send(good);
    await fleet.until((seen) => seen.length === 6);
    const { user, system } = process.cpuUsage(since);
    expect(fleet.seen.filter(({ outcome }) => outcome === 'dead').map(({ code }) => code)).to.deep.equal(
      Array.from({ length: 5 }, () => 'contract.invalid_data'),
    );
    expect(handled).to.deep.equal(['good']);
    expect((user + system) / 1000).to.be.below(10_000);
  });
});
