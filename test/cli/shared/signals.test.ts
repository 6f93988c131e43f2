import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import { listenForSignals } from '../../../src/cli/shared/signals.js';

describe('signals to a process', () => {
  it('stop it with the first, and force it with a later one that is not a copy of the first', () => {
    const process = new EventEmitter();
    let now = 1000;
    const { stop, force } = listenForSignals(process as unknown as NodeJS.Process, () => now);
    expect(stop.aborted).to.equal(false);
    process.emit('SIGTERM', 'SIGTERM');
    expect([stop.aborted, force.aborted]).to.deep.equal([true, false]);
    now += 200;
    process.emit('SIGTERM', 'SIGTERM');
    expect(force.aborted).to.equal(false);
    now += 200;
    process.emit('SIGINT', 'SIGINT');
    expect(force.aborted).to.equal(true);
  });
});
