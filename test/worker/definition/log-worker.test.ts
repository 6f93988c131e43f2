import { expect } from 'chai';
import { defineJournal } from '../../../src/journal/define-journal.js';
import { hasQueue, queuesOf } from '../../../src/worker/definition/queues.js';
import { shop } from '../../support/shop.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';

describe('the definition of a log worker', () => {
  const on = { 'job.begun': () => undefined };

  it('has queues for retries, and no binding', () => {
    const definition = workerDefinitionOf(shop.defineWorker({ name: 'late', from: 'log', on }));
    expect(hasQueue(definition)).to.equal(true);
    expect(queuesOf(definition)).to.deep.include({ name: 'late', patterns: [] });
    expect(definition.offset).to.equal('first');
  });

  it('has no queue where the worker consumes the stream directly', () => {
    const definition = workerDefinitionOf(defineJournal({ name: 'journal' }));
    const { name } = definition;
    expect([name, definition.store, definition.from, hasQueue(definition)]).to.deep.equal([
      'journal',
      'journal',
      'log',
      false,
    ]);
    expect(() => defineJournal({ name: 'No Name' })).to.throw('a name is lower case');
  });

  it('requires handlers, and allows `offset` for log workers only', () => {
    const define = shop.defineWorker;
    expect(() => define({ name: 'idle', from: 'log' })).to.throw('handles nothing');
    expect(() => define({ name: 'odd', offset: 'next', on })).to.throw("`offset` belongs to from: 'log'");
  });
});
