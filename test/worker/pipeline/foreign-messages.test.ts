import { expect } from 'chai';
import { PermanentError } from 'flotilla';
import { draftOf } from '../../../src/dead-letters/operations/event-draft.js';
import type { StoredDeadLetter } from '../../../src/dead-letters/dead-letter.js';
import { replayMessage } from '../../../src/dead-letters/operations/replay-message.js';
import { readDeadLetter } from '../../../src/dead-letters/keeper/read-dead-letter.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import { shop } from '../../support/shop.js';
import { testFleet, type TestFleet } from '../../support/test-fleet.js';

describe('a message of a foreign publisher', function () {
  this.timeout(60_000);
  let fleet: TestFleet | undefined;
  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
  });

  it('in binary mode and without a time, remains the same event through retry, dead letter and replay', async () => {
    const received: EventEnvelope[] = [];
    const worker = shop.defineWorker({
      name: 'tally',
      retry: { delays: ['20ms'] },
      on: {
        'job.requested': (event, ctx) => {
          received.push(event);
          if (received.length === 1) throw new Error('not yet');
          if (received.length === 2) throw new PermanentError('job.refused', `not at attempt ${ctx.attempt}`);
        },
      },
    });
    fleet = await testFleet(worker);
    const timestamp = 1_769_853_600;
    const headers = {
      'cloudEvents:specversion': '1.0',
      'cloudEvents:id': 'job-7',
      'cloudEvents:source': 'https://erp.example.org/jobs',
      'cloudEvents:type': 'job.requested',
    };
    await fleet.sendRaw(Buffer.from('{"n":7}'), { contentType: 'application/json', timestamp, headers });
    const [delivery] = await fleet.deadLetters(1);
    if (delivery === undefined) throw new Error('no dead letter');

    const { definitions } = shop;
    const letter = readDeadLetter(delivery, 'tally', definitions, Date.now());
    expect(letter).to.include({
      eventId: 'job-7',
      source: 'https://erp.example.org/jobs',
      type: 'job.requested',
      subject: 'event/job-7',
      code: 'job.refused',
    });
    const kept = { ...letter, replacement: null } as StoredDeadLetter;
    expect(draftOf(kept, definitions)).to.deep.equal({ type: 'job.requested', subject: 'event/job-7', data: { n: 7 } });

    const publisher = fleet.broker.createPublisher();
    await publisher.ready();
    await publisher.publish(replayMessage(kept, fleet.names));
    await fleet.until((seen) => seen.some(({ outcome }) => outcome === 'done'));
    await publisher.close();
    expect(received).to.have.length(3);
    expect(received[0]).to.include({ id: 'job-7', subject: 'event/job-7', time: '2026-01-31T10:00:00.000Z' });
    expect(received[1]).to.deep.equal(received[0]);
    expect(received[2]).to.deep.equal(received[0]);
  });
});
