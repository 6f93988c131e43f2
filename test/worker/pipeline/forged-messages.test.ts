import { expect } from 'chai';
import { baseCatalogue, catalogue, event, fromOutside } from 'flotilla';
import { z } from 'zod';
import type { Fields } from '../../../src/broker/messages/amqp-fields.js';
import { HEADERS } from '../../../src/broker/messages/headers.js';
import { parseFleetKeys } from '../../../src/broker/signing/fleet-keys.js';
import { signedBroker } from '../../../src/broker/signing/signed-broker.js';
import { eventMessage } from '../../../src/outbox/event-message.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import type { StoredEvent } from '../../../src/store/stored-event.js';
import { writeReplayHeaders } from '../../../src/worker/pipeline/replay-headers.js';
import { testFleet, type TestFleet } from '../../support/test-fleet.js';

const KEY = 'k'.repeat(40);
const n = z.strictObject({ n: z.int() });
const events = catalogue(baseCatalogue, {
  'job.begun': event({ 1: n }),
  'job.finished': event({ 1: n }),
  'reading.taken': fromOutside(event({ 1: n }), 'https://sensors.example'),
});

describe('a worker of a fleet with a signing key', function () {
  this.timeout(60_000);
  let fleet: TestFleet | undefined;
  let handled: { n: number; key: string; attempt: number }[];
  let failures: number;
  const keys = parseFleetKeys(KEY);

  beforeEach(() => {
    handled = [];
    failures = 0;
  });
  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
  });

  const worker = events.defineWorker({
    name: 'tally',
    emits: ['job.finished'],
    replay: 'idempotent',
    retry: { delays: ['20ms'] },
    on: {
      '*.*': (received, ctx) => {
        const data = received.data as { n: number };
        if (failures-- > 0) throw new Error('not now');
        handled.push({ n: data.n, key: ctx.key, attempt: ctx.attempt });
        if (received.type === 'job.begun') ctx.emit('job.finished', { n: data.n });
      },
    },
  });
  const start = async (emitters?: [string, string[]][]) => {
    fleet = await testFleet(worker, {
      keys,
      deriveId: keys.deriveId,
      ...(emitters && { emitters: new Map(emitters.map(([type, services]) => [type, new Set(services)])) }),
    });
    return fleet;
  };
  /** Publishes with a signature, as a service of the fleet does. */
  const genuine = async (to: TestFleet, event: EventEnvelope, headers?: Fields) => {
    const publisher = signedBroker(to.broker, { keys, verification: 'require' }).createPublisher();
    await publisher.ready();
    const { id, type, subject, correlationid, time } = event;
    const stored = { id, type, stream: subject, correlationId: correlationid, time: Date.parse(time) };
    const message = eventMessage({ ...stored, body: JSON.stringify(event) } as StoredEvent, '', event.source);
    const queue = to.names.queue('tally');
    const properties = { ...message.properties, headers: { ...message.properties.headers, ...headers } };
    await publisher.publish({ ...message, routingKey: queue, properties, vouch: { origin: 'fleet', for: queue } });
    await publisher.close();
  };

  it('handles events that a service signed, and dead-letters unsigned events that claim its name', async () => {
    const it = await start();
    const forged = it.event('job.begun', { n: 1 });
    await it.send(forged);
    await genuine(it, it.event('job.begun', { n: 2 }));
    await it.until((seen) => seen.length === 2);
    expect(handled.map((each) => each.n)).to.deep.equal([2]);
    const [letter] = await it.deadLetters(1);
    expect(letter?.properties.headers).to.include({
      [HEADERS.errorCode]: 'contract.unsigned',
      [HEADERS.outside]: true,
    });
  });

  it('handles an event after a forged event with the same id', async () => {
    const it = await start();
    const real = it.event('job.begun', { n: 1 });
    await it.send({ ...real, data: { n: 99 } });
    await it.until((seen) => seen.length === 1);
    await genuine(it, real);
    await it.until((seen) => seen.length === 2);
    expect(it.seen.map(({ outcome }) => outcome)).to.deep.equal(['dead', 'done']);
    expect(handled.map((each) => each.n)).to.deep.equal([1]);
  });

  it('derives ids of emitted events with the key', async () => {
    const it = await start();
    const event = it.event('job.begun', { n: 1 });
    await genuine(it, event);
    await it.until((seen) => seen.length === 1);
    const [emitted] = await it.store.read('test/1');
    const parts = [event.source, event.id, 'tally', '', 0, 'job.finished'];
    expect(emitted?.id).to.equal(keys.deriveId(Date.parse(event.time), ...parts));
  });

  for (const [what, headers] of Object.entries<Fields>({
    'replay headers': writeReplayHeaders({ run: 'r1', again: true, sideEffects: true }),
    'another idempotency key': { [HEADERS.key]: 'another' },
    'a number of attempts': { [HEADERS.attempt]: 50 },
  })) {
    it(`ignores forged headers of an external message (${what})`, async () => {
      const it = await start();
      failures = 1;
      const reading = { ...it.event('reading.taken', { n: 1 }), source: 'https://sensors.example' };
      await it.sendRaw(Buffer.from(JSON.stringify(reading)), { headers });
      await it.until((seen) => seen.some(({ outcome }) => outcome === 'done'));
      await it.sendRaw(Buffer.from(JSON.stringify(reading)), { headers });
      await it.until((seen) => seen.some(({ outcome }) => outcome === 'duplicate'));
      expect(handled).to.deep.equal([{ n: 1, key: reading.id, attempt: 2 }]);
    });
  }

  it('honors replay headers that the fleet signed', async () => {
    const it = await start();
    const event = it.event('job.begun', { n: 1 });
    await genuine(it, event);
    await it.until((seen) => seen.length === 1);
    await genuine(it, event, writeReplayHeaders({ run: 'r1', again: true, sideEffects: true }));
    await it.until((seen) => seen.length === 2);
    expect(handled).to.have.length(2);
  });

  it('accepts an open type only from the sources configured for it', async () => {
    const it = await start();
    const reading = it.event('reading.taken', { n: 1 });
    await it.send(
      { ...reading, source: 'https://elsewhere.example' },
      { ...reading, source: 'https://sensors.example' },
    );
    await it.until((seen) => seen.length === 2);
    expect(it.seen.map(({ outcome, code }) => [outcome, code]).sort()).to.deep.equal([
      ['dead', 'contract.unsigned'],
      ['done', undefined],
    ]);
  });

  it('accepts a type only from services that emit it, also for signed messages', async () => {
    const it = await start([['job.begun', ['shop']]]);
    await genuine(it, it.event('job.begun', { n: 1 }));
    await genuine(it, { ...it.event('job.begun', { n: 2 }), source: 'shop' });
    await it.until((seen) => seen.length === 2);
    expect(it.seen.map(({ outcome, code }) => [outcome, code]).sort()).to.deep.equal([
      ['dead', 'contract.foreign_source'],
      ['done', undefined],
    ]);
  });
});
