import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { UnavailableError } from '../../../src/errors.js';
import { BrokenCircuitError, CircuitBreaker } from '../../../src/worker/circuit-breaker/circuit-breaker.js';

describe('the open time of a circuit', () => {
  it('grows with each probe that fails, but not with one that had failed before, and begins anew once it has closed', async () => {
    const circuit = new CircuitBreaker({ failures: 2, halfOpenAfter: 2, maxHalfOpenAfter: 16, onChange: () => undefined });
    const fails = async (eventId: string) => {
      await sleep(circuit.openFor + 1);
      await circuit.execute(eventId, () => Promise.reject(new UnavailableError(eventId))).catch(() => undefined);
      return circuit.openFor;
    };
    await fails('bad 1');
    expect(circuit.position).to.equal('closed');
    expect(await fails('bad 2')).to.equal(2);
    expect(circuit.position).to.equal('open');
    expect(await fails('bad 3')).to.equal(4);
    for (const known of ['bad 1', 'bad 2', 'bad 3', 'bad 1']) expect(await fails(known), known).to.equal(2);
    for (const [index, time] of [8, 16, 16].entries()) expect(await fails(`new ${index}`)).to.equal(time);
    await sleep(circuit.openFor + 1);
    await circuit.execute('good', async () => undefined);
    expect(circuit.position).to.equal('closed');
    await fails('bad 1');
    expect(await fails('bad 2')).to.equal(2);
  });

  it('is over in its time although the clock is set back', async () => {
    const circuit = new CircuitBreaker({ failures: 1, halfOpenAfter: 20, maxHalfOpenAfter: 20, onChange: () => undefined });
    const systemTime = Date.now;
    try {
      await circuit.execute('bad', () => Promise.reject(new UnavailableError('away'))).catch(() => undefined);
      Date.now = () => systemTime() - 3_600_000;
      const early: unknown = await circuit.execute('good', async () => 'done').catch((error: unknown) => error);
      expect(early).to.be.instanceOf(BrokenCircuitError);
      await sleep(circuit.openFor + 1);
      expect(await circuit.execute('good', async () => 'done')).to.equal('done');
    } finally {
      Date.now = systemTime;
    }
    expect(circuit.position).to.equal('closed');
  });
});
