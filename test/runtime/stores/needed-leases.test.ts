import { expect } from 'chai';
import { defineJournal } from '../../../src/journal/define-journal.js';
import { neededLeases } from '../../../src/runtime/stores/needed-leases.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';
import { shop } from '../../support/shop.js';

const totals = shop.defineProjection({
  name: 'totals',
  version: 1,
  tables: { job_list: 'create table job_list (n bigint primary key)' },
  on: { 'job.begun': () => undefined },
});

describe('the leases that a fleet needs', () => {
  const tally = shop.defineWorker({
    name: 'tally',
    store: 'jobs',
    on: { 'job.begun': () => undefined },
    projections: [totals],
  });
  const workers = [tally, defineJournal({ name: 'journal' })].map(workerDefinitionOf);

  it('are a relay for each store, and one for each projection and reader of the log', () => {
    const needed = neededLeases({}, workers, []);
    expect(needed.map(({ service, name }) => `${service} ${name}`)).to.have.members([
      'ops relay',
      'jobs relay',
      'jobs projection:totals',
      'journal relay',
      'journal log:journal',
    ]);
    expect(needed.some(({ hasCandidate }) => hasCandidate)).to.equal(false);
  });

  it('have a candidate if one of the running processes competes for them', () => {
    const processes = [
      { role: 'keeper' as const, workers: [] },
      { role: 'worker' as const, workers: ['tally'] },
    ];
    const wanted = neededLeases({}, workers, processes).filter(({ hasCandidate }) => hasCandidate);
    expect(wanted.map(({ service, name }) => `${service} ${name}`)).to.have.members([
      'ops relay',
      'jobs relay',
      'jobs projection:totals',
    ]);
  });
});
