import { expect } from 'chai';
import { SagaMetrics } from '../../src/sagas/saga-metrics.js';
import { saveSagaRow, sagaMigrations } from '../../src/sagas/saga-table.js';
import { initialState, type SagaStatus } from '../../src/sagas/decision/state.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { createTempStore, type TempStore } from '../store/support/temp-store.js';
import { eventually } from '../support/eventually.js';
import { recordingLogger } from '../support/recording-logger.js';
import { testFleet } from '../support/test-fleet.js';
import { journeys, tripSaga } from './support/trip.js';

describe('the metrics of sagas', () => {
  let temp: TempStore;
  beforeEach(async () => (temp = await createTempStore()));
  afterEach(() => temp.dispose());

  it('counts open sagas by status until the signal aborts', async () => {
    const store = await temp.open();
    await store.migrate('sagas', sagaMigrations);
    const metrics = createMetrics();
    const sagaMetrics = new SagaMetrics(store, [tripSaga], metrics);
    const keep = (sagaId: string, status: SagaStatus) =>
      store.transaction(({ sql }) => saveSagaRow(sql, 'travel', sagaId, { ...initialState, status }, 0));
    const shown = async () => {
      await sagaMetrics.refresh();
      const { values } = await metrics.sagas.get();
      return values.map(({ labels, value }) => `${labels.saga} ${labels.status} ${value}`);
    };
    expect(await shown()).to.deep.equal(['travel started 0', 'travel compensating 0', 'travel failed 0']);
    await keep('t1', 'started');
    await keep('t2', 'started');
    await keep('t3', 'failed');
    await keep('t4', 'completed');
    expect(await shown()).to.deep.equal(['travel started 2', 'travel compensating 0', 'travel failed 1']);
    await keep('t3', 'compensated');
    expect(await shown()).to.deep.equal(['travel started 2', 'travel compensating 0', 'travel failed 0']);

    const stop = new AbortController();
    const running = sagaMetrics.run(silentLogger(), stop.signal);
    stop.abort();
    await running;
  });

  it('counts sagas whose timer is overdue by a minute', async () => {
    const store = await temp.open();
    await store.migrate('sagas', sagaMigrations);
    const metrics = createMetrics();
    let now = Date.parse('2026-01-01T00:00:00Z');
    const sagaMetrics = new SagaMetrics(store, [tripSaga], metrics, () => now);
    const waiting = { step: 'hotel', direction: 'forward', attempt: 1, timer: 'timeout' } as const;
    const keep = (sagaId: string, status: SagaStatus, at: string) =>
      store.transaction(({ sql }) =>
        saveSagaRow(sql, 'travel', sagaId, { ...initialState, status, waiting: { ...waiting, at } }, now),
      );
    const shown = async () => {
      await sagaMetrics.refresh();
      return (await metrics.sagasOverdue.get()).values.map(({ value }) => value);
    };
    await keep('t1', 'started', '2026-01-01T00:00:10.000Z');
    await keep('t2', 'compensating', '2026-01-01T00:05:00.000Z');
    await keep('t3', 'compensated', '2026-01-01T00:00:00.000Z');
    now += 70_000;
    expect(await shown()).to.deep.equal([0]);
    now += 1;
    expect(await shown()).to.deep.equal([1]);
    now += 3_600_000;
    expect(await shown()).to.deep.equal([2]);
  });

  it('continues after a failed query', async () => {
    const { logger, lines } = recordingLogger();
    const stop = new AbortController();
    const store = await temp.open();
    const sagaMetrics = new SagaMetrics(store, [tripSaga], createMetrics());
    const running = sagaMetrics.run(logger, stop.signal, 10);
    await eventually(() => lines.length > 0);
    await store.migrate('sagas', sagaMigrations);
    await eventually(() => lines.length > 1);
    stop.abort();
    await running;
    expect(lines).to.have.length(2);
    expect(lines[0]).to.include({ level: 'warn', message: 'Counting sagas failed; retrying' });
    expect(lines[1]).to.include({ level: 'warn', message: 'Sagas are counted again' });
  });
});

describe('a saga that has failed', function () {
  this.timeout(60_000);

  it('is logged by its worker, and by no other', async () => {
    const { logger, lines } = recordingLogger();
    const fleet = await testFleet(journeys.defineWorker({ name: 'trips', sagas: [tripSaga] }), { logger });
    try {
      const failed = (saga: string) =>
        fleet.event('saga.failed', { saga, sagaId: 't1', step: 'hotel', reason: 'no answer' }, `${saga}/t1`);
      const own = failed('travel');
      await fleet.send(own);
      await fleet.until((seen) => seen.length === 1);
      await fleet.send(own, failed('another'));
      await fleet.until((seen) => seen.length === 3);
      expect(fleet.seen.map(({ outcome }) => outcome)).to.have.members(['done', 'done', 'duplicate']);
      const errors = lines.filter(({ level }) => level === 'error');
      expect(errors).to.have.length(1);
      expect(errors[0]).to.include({
        message: 'Saga travel/t1 failed: manual intervention required',
        saga: 'travel',
        sagaId: 't1',
        step: 'hotel',
        reason: 'no answer',
      });
    } finally {
      await fleet.stop();
    }
  });
});
