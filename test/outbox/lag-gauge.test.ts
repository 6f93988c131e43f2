import { expect } from 'chai';
import { LagGauge, type Lag } from '../../src/outbox/lag-gauge.js';
import { openMemoryStore } from '../../src/store/memory/index.js';
import { eventOf } from '../contract/store-events.js';

describe('the lag of a relay', () => {
  it('has the time that the oldest event has waited, which newer events neither begin nor end', async () => {
    const store = openMemoryStore({ service: 'core', clock: Date.now });
    let now = 0;
    const measured: Lag[] = [];
    const report = (lag: Lag) => void measured.push(lag);
    const gauge = new LagGauge(store, 'relay', report, () => now);
    const append = (subject: string) => store.append(subject, 'none', [eventOf(subject)]);
    const confirm = (position: number) => store.transaction((tx) => tx.moveCheckpoint('relay', position - 1, position));
    const measureAt = async (seconds: number) => {
      now = seconds * 1000;
      await gauge.measure();
    };
    try {
      await measureAt(0);
      await append('order/1');
      await measureAt(1);
      await append('order/2');
      await measureAt(4);
      await confirm(1);
      await measureAt(5);
      await measureAt(7);
      await confirm(2);
      await measureAt(8);
      expect(measured).to.deep.equal([
        { events: 0, seconds: 0 },
        { events: 1, seconds: 0 },
        { events: 2, seconds: 3 },
        { events: 1, seconds: 0 },
        { events: 1, seconds: 2 },
        { events: 0, seconds: 0 },
      ]);
    } finally {
      await store.close();
    }
  });
});
