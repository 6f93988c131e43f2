import { expect } from 'chai';
import type { ManagedQueue } from '../../../src/broker/rabbitmq/management/management.js';
import { namesFor } from '../../../src/broker/topology/topology.js';
import { disconnectedTimeout, shortConsumerTimeouts } from '../../../src/observability/broker/queue-timeouts.js';
import { longestTurn } from '../../../src/worker/ordering/partition-limits.js';
import { holdsDeliveriesOfLostNodes, versionFindings } from '../../../src/observability/broker/rabbitmq-versions.js';

const queue = (name: string, settings: Pick<Partial<ManagedQueue>, 'arguments' | 'policySettings'> = {}) =>
  ({ name, type: 'quorum', arguments: {}, policySettings: {}, ...settings }) as ManagedQueue;

describe('a version of RabbitMQ', () => {
  it('is unusable before 3.10, and has a known fault from 4.3.0 to 4.3.5', () => {
    const severities = (version: string, hasOrdered = true) =>
      versionFindings(version, { hasOrdered }).map(({ severity }) => severity);
    for (const version of ['3.8.34', '3.9.29']) expect(severities(version), version).to.deep.equal(['unusable']);
    for (const version of ['4.3.0', '4.3.5']) expect(severities(version), version).to.deep.equal(['warning']);
    expect(severities('4.3.0', false), 'without an ordered worker').to.deep.equal([]);
    for (const version of ['3.10.8', '3.13.7', '4.0.5', '4.2.1', '4.3.6', '4.4.0', '5.0.0'])
      expect(severities(version), version).to.deep.equal([]);
  });

  it('holds deliveries of a lost node from 4.3 on', () => {
    for (const version of ['3.10.8', '4.2.9']) expect(holdsDeliveriesOfLostNodes(version), version).to.equal(false);
    for (const version of ['4.3.0', '4.10.0', '5.0.0'])
      expect(holdsDeliveriesOfLostNodes(version), version).to.equal(true);
  });
});

describe('timeouts of queues', () => {
  const names = namesFor('p-');

  it('are reported when a worker may exceed the timeout of the broker', () => {
    const workers = [
      { queues: { name: 'quick' }, longest: 30_000 },
      { queues: { name: 'slow' }, longest: 60_000 },
      { queues: { name: 'slower' }, longest: 30 * 60_000 },
      { queues: { name: 'absent' }, longest: 86_400_000 },
    ];
    const queues = [
      queue('p-quick'),
      queue('p-slow', { policySettings: { 'consumer-timeout': 60_000 } }),
      queue('p-slower', { arguments: { 'x-consumer-timeout': 3_600_000 }, policySettings: { 'consumer-timeout': 1 } }),
    ];
    const [finding, ...others] = shortConsumerTimeouts(queues, workers, names);
    expect(finding).to.match(/^slow may take 1m /);
    expect(others).to.deep.equal([]);
    expect(shortConsumerTimeouts([queue('p-slower')], workers, names)).to.have.length(1);
  });

  it('are also reported of the partitions of an ordered worker', () => {
    const worker = { name: 'lined', ordered: { patterns: [], partitions: 4 } } as const;
    const first = names.partition('lined', 4, 0);
    const queues = [queue('p-lined'), queue(first, { policySettings: { 'consumer-timeout': 60_000 } })];
    expect(shortConsumerTimeouts(queues, [{ queues: worker, longest: 90_000 }], names)).to.have.length(1);
    expect(shortConsumerTimeouts(queues, [{ queues: worker, longest: 59_000 }], names)).to.deep.equal([]);
  });

  it('leave time for a message of a partition that has waited for others', () => {
    const ordering = {
      by: 'subject',
      partitions: 16,
      pipelined: false,
      unordered: [],
      whenExhausted: 'continue',
    } as const;
    expect(longestTurn({ timeout: 15 * 60_000, ordering })).to.be.lessThan(30 * 60_000);
    expect(longestTurn({ timeout: 60_000, ordering: undefined })).to.equal(60_000);
  });

  it('on a lost node are one minute for consumers, unless an argument or a policy sets another value', () => {
    const policy = (milliseconds: number) => ({ policySettings: { 'consumer-disconnected-timeout': milliseconds } });
    expect(disconnectedTimeout([])).to.equal(60_000);
    expect(disconnectedTimeout([queue('a', policy(10_000)), queue('b', policy(20_000))])).to.equal(20_000);
    expect(disconnectedTimeout([queue('a', policy(10_000)), queue('b')])).to.equal(60_000);
  });
});
