import { expect } from 'chai';
import { raised, samplesOf } from './operator/alerts.js';
import { rules } from './operator/operated-fleet.js';
import { areLinked, blockIn, commandIn, requireText, sectionOf, symptomRows } from './operator/runbook.js';
import { signsOf } from './operator/signs.js';
import { symptomsSeen, type Evidence } from './operator/symptoms.js';
import { FAULTS } from '../docs/support/faults.js';

const nothing: Evidence = { alerts: [], status: '', table: [], doctor: '', log: '', readyz: '', api: '' };
const seen = (symptoms: string, evidence: Partial<Evidence>) =>
  symptomsSeen({ symptoms, sections: [] }, { ...nothing, ...evidence });

describe('the reading of the runbook', () => {
  it('finds quotations of a row in the source that the row names', () => {
    const row = 'alert `FlotillaA`; `status`: `ALARM: … failed`; log: `it failed`; `store.full`';
    expect(seen(row, { alerts: ['FlotillaA'] })).to.deep.equal(['FlotillaA']);
    expect(seen(row, { status: 'ALARM: 3 of them failed: look' })).to.deep.equal(['ALARM: … failed']);
    expect(seen(row, { log: 'ALARM: 3 of them failed, FlotillaA' })).to.deep.equal([]);
    expect(seen(row, { doctor: 'it failed, store.full' })).to.deep.equal(['store.full']);
  });

  it('finds values of columns, all of one worker', () => {
    const table = [
      { WORKER: 'a', CONSUMERS: '0', BREAKER: 'open' },
      { WORKER: 'b', CONSUMERS: '1', BREAKER: 'closed' },
      { WORKER: 'c', CONSUMERS: '-', BREAKER: '-' },
    ];
    expect(seen('`status`: BREAKER `open`', { table })).to.deep.equal(['BREAKER `open`']);
    expect(seen('CONSUMERS is 0 and BREAKER is not `open`', { table })).to.deep.equal([]);
    expect(seen('CONSUMERS is 0 and BREAKER is not `closed`', { table })).to.have.length(1);
    expect(seen('CONSUMERS grows', { table })).to.deep.equal([]);
  });

  it('understands every alert rule', () => {
    expect(rules.length).to.be.above(20);
    expect(raised(rules, { before: [], now: [] })).to.deep.equal([]);
  });

  it('raises an alert when its rule holds', () => {
    const scrape = (text: string) => samplesOf(text, { job: 'flotilla', instance: 'payment' });
    const after = (before: string, now: string) => raised(rules, { before: scrape(before), now: scrape(now) });
    const dead = (count: number) => `flotilla_messages_total{worker="payment",outcome="dead"} ${count}`;
    expect(after(dead(1), dead(2))).to.deep.equal(['FlotillaDeadLetters']);
    expect(after(dead(1), dead(1))).to.deep.equal([]);
    expect(after('', 'flotilla_dead_letters_total{worker="payment",code="a.b"} 1')).to.include(
      'FlotillaNewDeadLetterCode',
    );
    expect(after('', 'flotilla_broker_state{connection="a"} 0')).to.deep.equal(['FlotillaBrokerNotReady']);
    expect(after('', 'flotilla_sagas{saga="a",status="failed"} 1')).to.deep.equal(['FlotillaSagaFailed']);
    expect(after('', 'flotilla_sagas{saga="a",status="started"} 1')).to.deep.equal([]);
    expect(after('flotilla_build_info{service="a"} 1', '')).to.deep.equal(['FlotillaProcessMissing']);
    const part = (code: string, count: number) =>
      `flotilla_kafka_failures_total{part="sink:a",code="${code}"} ${count}`;
    expect(after(part('kafka.topic_missing', 1), part('kafka.topic_missing', 2))).to.deep.equal([
      'FlotillaKafkaStopped',
    ]);
    expect(after(part('kafka.unavailable', 1), part('kafka.unavailable', 2))).to.deep.equal(['FlotillaKafkaFailing']);
    const window = (late: number, events: number) =>
      `flotilla_window_late_total{window="a",outcome="corrected"} ${late}\nflotilla_window_events_total{window="a"} ${events}`;
    expect(after(window(0, 0), window(2, 100))).to.deep.equal(['FlotillaWindowsLateEvents']);
    expect(after(window(0, 0), window(1, 100))).to.deep.equal([]);
    expect(after('', 'flotilla_window_overdue_seconds{window="a"} 301')).to.deep.equal(['FlotillaWindowsStalled']);
    const vacant = 'flotilla_lease_vacant_seconds{service="a",lease="relay"} 20';
    expect(after('', vacant)).to.deep.equal(['FlotillaLeaseVacant']);
    expect(after('', `${vacant}\nflotilla_store_failing{service="a"} 1`)).to.deep.equal(['FlotillaStoreFailing']);
  });

  it('finds a row, a remedy and signs that can be checked for every fault', () => {
    for (const [fault, title] of Object.entries(FAULTS)) {
      expect(
        symptomRows.flatMap(({ sections }) => sections),
        fault,
      ).to.include(title);
      expect(signsOf(sectionOf(title)), fault).not.to.deep.equal([]);
    }
  });

  it('refuses a sign, a command and words that a section does not have', () => {
    const title = 'Dead letters';
    expect(() => signsOf({ title, text: '', overWhen: 'everybody is content' })).to.throw('cannot be checked');
    expect(() => commandIn(title, 'flotilla dead bury')).to.throw('no such command');
    expect(() => blockIn(title, 'flotilla topology apply')).to.throw('no block');
    expect(() => requireText(title, 'Restart the moon.')).to.throw('does not say');
    expect(areLinked(title, 'Signatures')).to.equal(true);
    expect(areLinked(title, 'Log lines are dropped')).to.equal(false);
  });
});
