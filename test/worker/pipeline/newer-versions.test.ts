import { expect } from 'chai';
import { z } from 'zod';
import { baseCatalogue, catalogue, event, PermanentError } from 'flotilla';
import type { StoredDeadLetter } from '../../../src/dead-letters/dead-letter.js';
import { draftOf } from '../../../src/dead-letters/operations/event-draft.js';
import { replayMessage } from '../../../src/dead-letters/operations/replay-message.js';
import { readDeadLetter } from '../../../src/dead-letters/keeper/read-dead-letter.js';
import { createEvent, originContext } from '../../../src/events/create.js';
import type { EventEnvelope, UnsequencedEvent } from '../../../src/events/envelope.js';
import { eventMessage } from '../../../src/outbox/event-message.js';
import { testFleet, type TestFleet } from '../../support/test-fleet.js';

const v1 = z.strictObject({ orderId: z.string() });
const v2 = z.strictObject({ orderId: z.string(), note: z.string() });
const older = catalogue(baseCatalogue, { 'order.created': event({ 1: v1 }) });
const newer = {
  'order.created': event({ 1: v1, 2: v2 }, { 1: (data) => ({ ...data, note: '' }) }, { readableFrom: { 2: 1 } }),
};
const data = { orderId: 'o1', note: 'leave it at the door' };

describe('an event of a newer version that older workers may read', function () {
  this.timeout(60_000);
  let fleet: TestFleet | undefined;
  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
  });

  /** A worker that knows version 1 only: it fails at the first attempt, and for good at the second. */
  function olderWorker(received: EventEnvelope[]) {
    return older.defineWorker({
      name: 'older',
      retry: { delays: ['20ms'] },
      on: {
        'order.created': (order) => {
          received.push(order);
          if (received.length === 1) throw new Error('not yet');
          if (received.length === 2) throw new PermanentError('order.refused', 'refused');
        },
      },
    });
  }

  const modes: Record<string, (created: UnsequencedEvent, fleet: TestFleet) => Promise<void>> = {
    'from a store': async (created, { store, broker, names }) => {
      await store.append(created.subject, 'any', [created]);
      const [stored] = await store.readAll(0, 1);
      if (stored === undefined) throw new Error('not stored');
      const publisher = broker.createPublisher();
      await publisher.ready();
      await publisher.publish({ ...eventMessage(stored, '', 'orders'), routingKey: names.queue('older') });
      await publisher.close();
    },
    'in binary mode': async ({ data: body, datacontenttype, ...attributes }, { sendRaw }) => {
      const headers = Object.entries(attributes).map(([name, value]) => [`cloudEvents:${name}`, value]);
      await sendRaw(Buffer.from(JSON.stringify(body)), {
        contentType: datacontenttype,
        headers: Object.fromEntries(headers) as Record<string, string>,
      });
    },
  };

  for (const [mode, send] of Object.entries(modes)) {
    it(`is read as version 1 at each attempt, from the dead letters and in a replay, ${mode}`, async () => {
      const received: EventEnvelope[] = [];
      fleet = await testFleet(olderWorker(received));
      const created = createEvent(
        newer,
        'order.created',
        data,
        originContext({ source: 'orders', subject: 'order/o1' }),
      );
      await send(created, fleet);
      const [delivery] = await fleet.deadLetters(1);
      if (delivery === undefined) throw new Error('no dead letter');
      const letter = readDeadLetter(delivery, 'older', older.definitions, Date.now());
      const kept = { ...letter, replacement: null } as StoredDeadLetter;
      expect(kept.code).to.equal('order.refused');
      expect(draftOf(kept, older.definitions).data, 'to edit').to.deep.equal(data);

      const publisher = fleet.broker.createPublisher();
      await publisher.ready();
      await publisher.publish(replayMessage(kept, fleet.names));
      await fleet.until((seen) => seen.some(({ outcome }) => outcome === 'done'));
      await publisher.close();
      expect(received).to.have.length(3);
      for (const order of received) {
        expect(order).to.deep.include({ id: created.id, dataschema: 'urn:flotilla:order.created:1', data });
      }
    });
  }

  it('is refused without the declaration', async () => {
    fleet = await testFleet(olderWorker([]));
    const { readablefrom: _, ...created } = createEvent(
      newer,
      'order.created',
      data,
      originContext({ source: 'orders', subject: 'order/o1' }),
    );
    await fleet.send(created);
    await fleet.until((seen) => seen.length === 1);
    expect(fleet.seen[0]?.code).to.equal('contract.newer_version');
  });
});
