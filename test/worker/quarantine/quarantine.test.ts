import { expect } from 'chai';
import { HEADERS } from '../../../src/broker/messages/headers.js';
import type { Delivery } from '../../../src/broker/broker.js';
import { parseFleetKeys } from '../../../src/broker/signing/fleet-keys.js';
import { signedBroker } from '../../../src/broker/signing/signed-broker.js';
import { eventually } from '../../support/eventually.js';
import { openReleases, walker, type Releases } from './support/releases.js';

const subjectsOf = (deliveries: readonly Delivery[]) =>
  deliveries.map(({ body }) => {
    const { subject, data } = JSON.parse(Buffer.from(body).toString()) as { subject: string; data: { n: number } };
    return `${subject} ${data.n}`;
  });

for (const kind of ['memory', 'rabbitmq']) {
  describe(`a message that an older release cannot read, on ${kind}`, function () {
    this.timeout(60_000);
    let releases: Releases;
    beforeEach(async () => {
      releases = await openReleases(kind);
    });
    afterEach(() => releases.close());

    const settled = (count: number) => eventually(`${count} are settled`, () => releases.outcomes.length >= count);

    it('is quarantined as it was published, without an attempt', async () => {
      const { metrics, names } = releases;
      const worker = await releases.start(walker('older'));
      const sent = await releases.publish('a', 1, { properties: { headers: { tenant: 't1' } } });
      await releases.publish('b', 1, { version: 1 });
      await settled(2);
      expect(releases.outcomes).to.have.members(['quarantined contract.newer_version', 'done']);
      const [message] = await releases.quarantined(1);
      expect(JSON.parse(Buffer.from(message?.body ?? '').toString())).to.deep.equal(sent);
      expect(message?.properties).to.deep.include({ messageId: sent.id, type: 'step.taken' });
      expect(message?.properties.headers).to.include({
        tenant: 't1',
        [HEADERS.routingKey]: 'step.taken',
        [HEADERS.quarantinedFor]: 'contract.newer_version',
      });
      expect(message?.properties.headers).to.not.have.any.keys(HEADERS.attempt, HEADERS.attempts);
      expect(await releases.rows()).to.deep.equal([
        { subject: 'a', type: 'step.taken', version: 2, reason: 'newer_version' },
      ]);
      expect(await releases.ready(names.dead('walker'))).to.equal(0);
      expect(worker.state()).to.include({ circuitBreaker: 'closed', inFlight: 0 });
      const counted = (await metrics.handled.get()).values.find(({ labels }) => labels['outcome'] === 'quarantined');
      expect(counted?.value).to.equal(1);
    });

    it('stays in the quarantine of a worker that requests only an older version, also when the worker starts', async () => {
      const pattern = 'step.taken@1';
      const first = await releases.start(walker('newer', { pattern }));
      await releases.publish('a', 1);
      await settled(1);
      await first.end();
      const second = await releases.start(walker('newer', { pattern }));
      for (const n of [1, 2, 3]) await releases.publish('b', n, { version: 1 });
      await settled(4);
      await second.end();
      expect(releases.outcomes).to.deep.equal(['quarantined contract.newer_version', 'done', 'done', 'done']);
      expect(subjectsOf(await releases.quarantined(1))).to.deep.equal(['a 1']);
    });

    it('is reported once for its type and version', async () => {
      await releases.start(walker('older'));
      for (let n = 1; n <= 5; n++) await releases.publish(`a/${n}`, n);
      await releases.publish('b', 1, { type: 'step.added' });
      await settled(6);
      const reports = releases.log.lines.filter(({ message }) => message.includes('cannot read'));
      expect(reports.map(({ type, schemaVersion }) => [type, schemaVersion])).to.deep.equal([
        ['step.taken', 2],
        ['step.added', 1],
      ]);
    });

    it('is also one of an unknown type, if a binding of the worker delivers the type', async () => {
      await releases.start(walker('older'));
      await releases.publish('a', 1, { type: 'step.added' });
      await releases.publish('b', 1, { type: 'leap.taken', to: releases.names.queue('walker') });
      await settled(2);
      expect(releases.outcomes).to.have.members(['quarantined contract.unknown_type', 'dead contract.unknown_type']);
      expect(await releases.rows()).to.deep.equal([
        { subject: 'a', type: 'step.added', version: 1, reason: 'unknown_type' },
      ]);
    });

    it('precedes every later message of its subject, and no message of another one', async () => {
      await releases.start(walker('older'));
      await releases.publish('a', 1, { version: 1 });
      await releases.publish('a', 2);
      for (const n of [3, 4, 5])
        await releases.publish('a', n, { version: 1, type: n === 4 ? 'step.noted' : 'step.taken' });
      await releases.publish('b', 1, { version: 1 });
      await settled(6);
      expect(await releases.walked()).to.have.members(['a step.taken 1', 'b step.taken 1']);
      expect(subjectsOf(await releases.quarantined(4))).to.deep.equal(['a 2', 'a 3', 'a 4', 'a 5']);
      expect((await releases.rows()).map(({ reason }) => reason)).to.deep.equal([
        'newer_version',
        'behind',
        'behind',
        'behind',
      ]);
    });

    it('precedes the later ones also in a process that starts afterwards, and in another replica', async () => {
      const first = await releases.start(walker('older'));
      await releases.publish('a', 1);
      await settled(1);
      await first.end();
      await releases.publish('a', 2, { version: 1 });
      const second = await releases.start(walker('older'));
      await settled(2);
      await second.end();
      // both replicas run before the subject is quarantined; one of them gets each message
      await releases.start(walker('older', { prefetch: 1 }));
      await releases.start(walker('older', { prefetch: 1 }));
      await releases.publish('b', 1);
      await eventually('the row of b is stored', async () => (await releases.rows()).length === 3);
      for (let n = 2; n <= 20; n++) await releases.publish('b', n, { version: 1 });
      await settled(22);
      expect(await releases.walked()).to.deep.equal([]);
      expect(subjectsOf(await releases.quarantined(22))[0]).to.equal('a 1');
      expect(await releases.rows()).to.have.length(22);
    });

    it('does not precede retries of its subject, which began earlier', async () => {
      let attempts = 0;
      const handle = () => {
        attempts += 1;
        if (attempts === 1) throw new Error('not now');
      };
      await releases.start(walker('older', { handle, delays: ['200ms'] }));
      await releases.publish('a', 1, { version: 1 });
      await settled(1);
      await releases.publish('a', 2);
      await settled(3);
      expect(releases.outcomes).to.deep.equal([
        'retried worker.handler_failed',
        'quarantined contract.newer_version',
        'done',
      ]);
    });

    it('does not precede replayed dead letters of its subject', async () => {
      await releases.start(walker('older'));
      await releases.publish('a', 2);
      await settled(1);
      await releases.publish('a', 1, { version: 1, properties: { headers: { [HEADERS.replays]: 1 } } });
      await settled(2);
      expect(releases.outcomes[1]).to.equal('done');
    });

    it('is acknowledged if a newer release has handled it', async () => {
      const newer = await releases.start(walker('newer'));
      const sent = await releases.publish('a', 1);
      await settled(1);
      await newer.end();
      await releases.start(walker('older'));
      await releases.publishAgain(sent);
      await settled(2);
      expect(releases.outcomes).to.deep.equal(['done', 'duplicate contract.newer_version']);
      expect(await releases.rows()).to.deep.equal([]);
    });

    it('is rejected without a signature, because later ones of its subject would wait for it', async () => {
      const keys = parseFleetKeys('k'.repeat(40));
      const broker = signedBroker(releases.broker, { keys, verification: 'require' });
      await releases.start(walker('older'), { broker });
      await releases.publish('a', 1);
      await releases.publish('b', 1, { type: 'step.added' });
      await settled(2);
      expect(releases.outcomes).to.deep.equal(['dead contract.unsigned', 'dead contract.unsigned']);
    });
  });
}
