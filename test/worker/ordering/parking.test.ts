import { expect } from 'chai';
import type { Delivery } from '../../../src/broker/broker.js';
import type { Fields } from '../../../src/broker/messages/amqp-fields.js';
import { HEADERS } from '../../../src/broker/messages/headers.js';
import { systemClock } from '../../../src/concurrency/clock.js';
import type { Store } from '../../../src/store/store.js';
import { holdSubject, releaseSubject } from '../../../src/worker/ordering/operate.js';
import { firstParked, orderingMigrations } from '../../../src/worker/ordering/parked-table.js';
import type { MessageInTurn } from '../../../src/worker/ordering/message-in-turn.js';
import { Parking } from '../../../src/worker/ordering/parking.js';
import { openMessage } from '../../../src/worker/pipeline/message.js';
import { createTempStore, type TempStore } from '../../store/support/temp-store.js';
import { eventually } from '../../support/eventually.js';

describe('parked messages', () => {
  let temp: TempStore;
  let store: Store;
  let parking: Parking;
  let lost: AbortController;

  beforeEach(async () => {
    temp = await createTempStore();
    store = await temp.open();
    await store.migrate('ordering', orderingMigrations);
    parking = new Parking(store, 'stepper', {
      clock: systemClock,
      limits: { all: 4, ofKey: 2 },
      pollInterval: 1_000,
    });
    lost = new AbortController();
  });
  afterEach(async () => {
    parking.close();
    await temp.dispose();
  });

  const message = (key: string, id: string, headers: Fields = {}): MessageInTurn => {
    const delivery: Delivery = {
      ...{ queue: 'stepper.p4.0', exchange: 'events', routingKey: 'step.taken', body: Buffer.from('{}') },
      ...{ properties: { headers }, redelivered: false, lost: lost.signal },
      ack: () => undefined,
      requeue: () => undefined,
    };
    const envelope = { ...{ specversion: '1.0', id, source: 'test', type: 'step.taken', subject: key } } as never;
    return { ...openMessage(delivery, 0), turn: key, envelope };
  };

  it('are bounded for a subject and a worker: the next one waits until there is room', async () => {
    await holdSubject(store, 'stepper', 'a', 0);
    expect(await parking.follow(message('a', '1'))).to.equal('parked');
    expect(await parking.follow(message('a', '2'))).to.equal('parked');
    const third = message('a', '3');
    expect(await parking.follow(third)).to.equal('full');
    const room = parking.untilRoom(third, () => lost.signal.aborted);
    await eventually('it waits', () => parking.full.has('a'));
    await releaseSubject(store, 'stepper', 'a', 0);
    const [row] = await store.query<{ place: number }>`SELECT place FROM flotilla_parked ORDER BY place LIMIT 1`;
    await parking.settled({ ...message('a', '1'), parked: { place: row?.place ?? 0 } as never }, 'dead');
    expect(await room).to.equal(true);
    expect(await parking.follow(third)).to.equal('parked');
    expect([...parking.full]).to.deep.equal([]);
  });

  it('are bounded for a worker', async () => {
    for (const key of ['a', 'b', 'c']) await holdSubject(store, 'stepper', key, 0);
    for (const [key, id] of [
      ['a', '1'],
      ['a', '2'],
      ['b', '3'],
      ['b', '4'],
    ] as const) {
      expect(await parking.follow(message(key, id))).to.equal('parked');
    }
    const fifth = message('c', '5');
    expect(await parking.follow(fifth)).to.equal('full');
    const room = parking.untilRoom(fifth, () => lost.signal.aborted);
    await eventually('it waits', () => parking.full.has('c'));
    lost.abort();
    expect(await room).to.equal(false);
  });

  it('are added once, and in the order of their arrival', async () => {
    await holdSubject(store, 'stepper', 'a', 0);
    for (const id of ['1', '2', '1', '2']) expect(await parking.follow(message('a', id))).to.equal('parked');
    const rows = await store.query<{ event_id: string }>`SELECT event_id FROM flotilla_parked ORDER BY place`;
    expect(rows.map(({ event_id: id }) => id)).to.deep.equal(['1', '2']);
    expect(await parking.follow(message('b', '3'))).to.equal('first');
  });

  it('are replaced by their replay if they are dead-lettered again after it has arrived', async () => {
    const first = message('a', '1');
    await parking.wait(first, 0, {});
    const parked = await firstParked(store.query, 'stepper', 'a');
    // the process ended before it could hold the key, and the dead letter was edited before another one handles the message again
    expect(await parking.follow(message('a', '1-2', { [HEADERS.replays]: 1, [HEADERS.key]: '1' }))).to.equal('parked');
    await parking.hold({ ...first, parked }, 'step.wrong');
    const rows = await store.query`SELECT event_id, place FROM flotilla_parked`;
    expect(rows).to.deep.equal([{ event_id: '1-2', place: parked?.place }]);
    expect(await store.query`SELECT key FROM flotilla_held`).to.deep.equal([]);
  });
});
