import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { harness } from 'flotilla/testing';
import greeter from '../../workers/greeter/index.ts';

const arrived = { id: 'event-1', type: 'visitor.arrived', data: { name: 'Ada' } };

describe('worker greeter', () => {
  it('greets a visitor', async () => {
    await harness(greeter)
      .when(arrived)
      .emits({ type: 'visitor.greeted', data: { greeting: 'Hello, Ada!' } });
  });

  it('greets once when the event is delivered again', async () => {
    const { outcome, emitted } = await harness(greeter).given(arrived).when(arrived).result();
    assert.equal(outcome, 'duplicate');
    assert.deepEqual(emitted, []);
  });
});
