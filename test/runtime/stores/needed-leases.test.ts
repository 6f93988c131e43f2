import { expect } from 'chai';
import { defineFleet } from '../../../src/fleet/define-fleet.js';
import { defineJournal } from '../../../src/journal/define-journal.js';
import { neededLeases } from '../../../src/runtime/stores/needed-leases.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';
import { shop } from '../../support/shop.js';
import { listing, plant } from '../../windows/support/readings.js';

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
  const fleet = defineFleet({ catalogue: plant, workers: [] });
  const workers = [tally, defineJournal({ name: 'journal' })].map(workerDefinitionOf);

  it('are a relay for each store, and one for each projection and reader of the log', () => {
    const needed = neededLeases(fleet, workers, []);
    expect(needed.map(({ service, name }) => `${service} ${name}`)).to.have.members([
      'ops relay',
      'jobs relay',
      'jobs projection:totals',
      'journal relay',
      'journal log:journal',
    ]);
    expect(needed.some(({ hasCandidate }) => hasCandidate)).to.equal(false);
  });

  it('are one for each sink of Kafka and each window definition over its topics', () => {
    const kafka = {
      topics: { 'reading.listed': 'lists' },
      windows: [{ windows: listing({ kind: 'tumbling' }), topics: ['a'] }],
    };
    const processes = [{ role: 'kafka' as const, workers: [] }];
    const needed = neededLeases(defineFleet({ catalogue: plant, workers: [], kafka }), [], processes);
    const wanted = needed.filter(({ hasCandidate }) => hasCandidate);
    expect(wanted.map(({ service, name }) => `${service} ${name}`)).to.have.members([
      'kafka kafka-sink',
      'kafka kafka-windows:listing@1',
    ]);
  });

  it('have a candidate if one of the running processes competes for them', () => {
    const processes = [
      { role: 'keeper' as const, workers: [] },
      { role: 'worker' as const, workers: ['tally'] },
    ];
    const wanted = neededLeases(fleet, workers, processes).filter(({ hasCandidate }) => hasCandidate);
    expect(wanted.map(({ service, name }) => `${service} ${name}`)).to.have.members([
      'ops relay',
      'jobs relay',
      'jobs projection:totals',
    ]);
  });
});
