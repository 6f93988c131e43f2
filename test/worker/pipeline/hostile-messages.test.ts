import { expect } from 'chai';
import { baseCatalogue, catalogue, command, textLine } from 'flotilla';
import { z } from 'zod';
import { HEADERS, readAttempts } from '../../../src/broker/messages/headers.js';
import { createManagement } from '../../../src/broker/rabbitmq/management/management.js';
import { topologyOf } from '../../../src/broker/topology/topology.js';
import { queuesOf } from '../../../src/worker/definition/queues.js';
import { foreignPublish } from '../../support/foreign-publish.js';
import { hostileThrows } from '../../support/hostile-throws.js';
import { testBroker } from '../../support/rabbitmq.js';
import { testFleet, type TestFleet } from '../../support/test-fleet.js';
import { eventually } from '../../support/eventually.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';

const notes = catalogue(baseCatalogue, { 'note.write': command({ 1: z.strictObject({ text: textLine(200) }) }) });

describe('a worker that receives hostile messages', function () {
  this.timeout(120_000);
  let fleet: TestFleet | undefined;

  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
  });

  it('dead-letters texts that make a quadratic pattern time out, and handles the next messages', async () => {
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

  const failing = (prefetch = 2) =>
    notes.defineWorker({
      name: 'notes',
      prefetch,
      retry: { delays: ['20ms'] },
      on: {
        'note.write': ({ data: { text } }) => {
          if (text !== 'good') throw new Error(text);
        },
      },
    });
  const outcomes = () => fleet?.seen.map(({ outcome }) => outcome);

  it('retries and dead-letters messages with oversized headers, and lists the headers that it dropped', async () => {
    fleet = await testFleet(failing());
    const { names } = fleet;
    const bad = JSON.stringify(fleet.event('note.write', { text: 'bad' }));
    const large = { headers: { trace: 'x'.repeat(60_000), baggage: 'y'.repeat(60_000), tenant: 't1' } };
    for (const message_id of ['m1', 'm2', 'm3']) {
      await foreignPublish(names.queue('notes'), bad, { message_id, ...large });
    }
    await fleet.send(fleet.event('note.write', { text: 'good' }));
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'dead').length === 3);
    await fleet.until((seen) => seen.some(({ outcome }) => outcome === 'done'));
    expect(fleet.seen).to.have.length(7);
    const [letter] = await fleet.deadLetters(3);
    expect(Buffer.from(letter?.body ?? []).toString()).to.equal(bad);
    expect(letter?.properties.headers).to.include({
      tenant: 't1',
      [HEADERS.errorCode]: 'worker.handler_failed',
      [HEADERS.dropped]: 'baggage, trace',
    });
    expect(readAttempts(letter?.properties.headers ?? {})).to.have.length(2);
  });

  it('handles a message whose headers are nested deeper than the call stack of its client', async () => {
    fleet = await testFleet(failing());
    const { names } = fleet;
    const nested = `${'{"a":'.repeat(6000)}1${'}'.repeat(6000)}`;
    await foreignPublish(names.queue('notes'), JSON.stringify(fleet.event('note.write', { text: 'good' })), nested);
    await fleet.send(fleet.event('note.write', { text: 'good' }));
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'done').length === 2);
  });

  it('does not duplicate a message whose CC header names its queue', async () => {
    fleet = await testFleet(failing());
    const queue = fleet.names.queue('notes');
    await fleet.sendRaw(Buffer.from(JSON.stringify(fleet.event('note.write', { text: 'bad' }))), {
      headers: { CC: [queue, fleet.names.work] },
    });
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'dead').length === 1);
    await fleet.send(fleet.event('note.write', { text: 'good' }));
    await fleet.until((seen) => seen.some(({ outcome }) => outcome === 'done'));
    expect(outcomes()).to.deep.equal(['retried', 'dead', 'done']);
    const [letter] = await fleet.deadLetters(1);
    expect(letter?.properties.headers).to.include({ [HEADERS.dropped]: 'CC' });
  });

  it('dead-letters messages whose properties can be received but not sent', async () => {
    fleet = await testFleet(failing());
    const body = Buffer.from(JSON.stringify(fleet.event('note.write', { text: 'bad' })));
    await fleet.sendRaw(body, { headers: { least: { '!': 'double', value: -1e300 } } });
    await fleet.sendRaw(body, { timestamp: Number.MAX_SAFE_INTEGER });
    await fleet.sendRaw(body, { headers: { until: { '!': 'timestamp', value: 2 ** 64 - 2048 } } });
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'dead').length === 3);
    expect(fleet.seen).to.have.length(6);
  });

  it('reports that it is stuck while it cannot republish failed messages, and resumes afterwards', async () => {
    fleet = await testFleet(failing());
    const { broker, names, running } = fleet;
    const management = createManagement({ url: (await testBroker()).managementUrl });
    await management.deleteQueue(names.retry('notes', 20));
    expect(running.state()).to.include({ stuck: false });
    await fleet.send(
      ...[1, 2].map(() => fleet?.event('note.write', { text: 'bad' })).filter((event) => event !== undefined),
    );
    await eventually(() => Promise.resolve(running.state().stuck));
    expect(running.state()).to.include({ unpublished: 2, stuck: true });
    await broker.applyTopology(
      topologyOf([queuesOf(workerDefinitionOf(failing()))], {
        prefix: names.events.replace(/events$/, ''),
        log: { maxAge: '1h', maxBytes: 20_000_000 },
        unroutedMax: 100,
      }),
    );
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'dead').length === 2);
    expect(running.state()).to.include({ unpublished: 0, stuck: false });
  });

  for (const where of ['handler', 'write', 'call', 'exhausted'] as const) {
    it(`dead-letters a message and does not pause when unprintable values are thrown (${where})`, async () => {
      const makers = Object.values(hostileThrows);
      const refuse = (text: string) => {
        throw makers[Number(text)]?.();
      };
      const worker = notes.defineWorker({
        name: 'notes',
        retry: { delays: ['10ms'] },
        ...(where === 'exhausted' && { onRetriesExhausted: (event) => refuse((event.data as { text: string }).text) }),
        on: {
          'note.write': async ({ data: { text } }, ctx) => {
            if (where === 'handler') refuse(text);
            if (where === 'exhausted') throw new Error('not today');
            if (where === 'call') await ctx.call('gateway', async () => refuse(text));
            ctx.write(async () => refuse(text));
          },
        },
      });
      fleet = await testFleet(worker);
      await fleet.send(
        ...makers.map((_, n) => fleet?.event('note.write', { text: String(n) })).filter((e) => e !== undefined),
      );
      await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'dead').length === makers.length);
      expect(fleet.seen.filter(({ outcome }) => outcome === 'returned')).to.deep.equal([]);
      expect(fleet.running.state().pauses).to.deep.equal([]);
      for (const { properties } of await fleet.deadLetters(makers.length)) {
        expect(properties.headers).to.include({ [HEADERS.errorCode]: 'worker.handler_failed' });
      }
    });
  }
});
