import { parseArgs } from 'node:util';
import { cleanUpAtEnd, cleanUpOnSignal } from '../support/clean-up.js';
import { missingKafka, ownKafka } from '../support/kafka.js';
import { ownNode } from '../support/rabbitmq.js';
import { sayWhatIsWrong } from './scenarios/bad-input.js';
import { orderWithoutBroker } from './scenarios/broker-down.js';
import { killNodes } from './scenarios/cluster.js';
import { killAtFailpoints, POINTS, rolesPassing, type Kill } from './scenarios/failpoints.js';
import { decodeHostileMessages } from './scenarios/hostile-messages.js';
import { fillTheDisk, NoSmallDisk } from './scenarios/full-disk.js';
import { killAmidCommits } from './scenarios/killed-store.js';
import { killProjections } from './scenarios/killed-projection.js';
import { killTheSupervisor } from './scenarios/killed-supervisor.js';
import { gatewayOutage, tokensOfAllKinds, withBreaker } from './scenarios/outage.js';
import { raceWriters } from './scenarios/racing-writers.js';
import { cutPower } from './scenarios/power-failure.js';
import { keepSequence } from './scenarios/ordered-sequences.js';
import { keepExactlyOnce } from './scenarios/kafka.js';
import { keepOrder } from './scenarios/ordered-subjects.js';
import { allFaults, findFaults } from './scenarios/operator.js';
import { killInQuarantine, QUARANTINE_KILLS } from './scenarios/quarantine-kills.js';
import { killAtRandom } from './scenarios/random-kills.js';
import { ALL_TOKENS, hurrySagas } from './scenarios/sagas.js';
import { switchFulfilment } from './scenarios/switch.js';
import { checkWindows } from '../windows/support/check-windows.js';
import { killWindows } from '../windows/support/kill-windows.js';
import { rollVersions } from './scenarios/rolling-versions.js';
import { compareVerdicts } from './scenarios/schema-verdicts.js';
import { simulateOrders } from './scenarios/simulated-orders.js';
import { shareABroker } from './scenarios/two-fleets.js';
import { ROLES_APART } from './support/chaos-fleet.js';
import { seedOf } from './support/random.js';

// `npm run chaos -- --rounds 10 --seed 1 --minutes 30 --only random`: in full length, the scenarios that `npm test`
// samples.
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seed: { type: 'string' },
    minutes: { type: 'string', default: '45' },
    only: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seed = seedOf(values.seed ?? process.env.CHAOS_SEED);
const deadline = Date.now() + Number(values.minutes) * 60_000;
if (![rounds, deadline].every((number) => number > 0)) throw new Error('--rounds and --minutes are numbers from 1 on');

interface Result {
  name: string;
  outcome: 'held' | 'BROKEN' | 'not run';
  detail: string;
}

class NoKafka extends Error {}

const results: Result[] = [];
const say = (line: string) => console.log(`    ${line}`);

/** Runs a part and records its outcome; after the deadline, records only that it did not run. */
async function part(name: string, work: () => Promise<string>): Promise<void> {
  if (values.only !== undefined && !name.includes(values.only)) return;
  if (Date.now() > deadline) {
    results.push({ name, outcome: 'not run', detail: 'the time was over' });
    return;
  }
  console.log(`\n${name}`);
  const began = performance.now();
  const result = await work().then(
    (detail): Result => ({ name, outcome: 'held', detail }),
    (error: unknown): Result => {
      if (error instanceof NoSmallDisk || error instanceof NoKafka)
        return { name, outcome: 'not run', detail: error.message.trim() };
      console.log(error instanceof Error ? error.message : String(error));
      return { name, outcome: 'BROKEN', detail: (error instanceof Error ? error.message : '').split('\n')[0] ?? '' };
    },
  );
  console.log(`  ${result.outcome}, ${((performance.now() - began) / 1000).toFixed(0)} s: ${result.detail}`);
  results.push(result);
}

cleanUpOnSignal();
const { node, remove } = await ownNode();
const urls = { amqpUrl: node.amqpUrl, managementUrl: node.managementUrl };
const run = (name: string, round = 0) => ({ ...urls, prefix: `t-${name}-${round}-`, seed: seed + round, say });
const killed: Record<string, number> = {};
const counts = (found: Record<string, number>) =>
  Object.entries(found)
    .map(([name, times]) => `${name} ${times}`)
    .join(', ');
const count = (found: Record<string, number>) => {
  for (const [name, times] of Object.entries(found)) killed[name] = (killed[name] ?? 0) + times;
  return counts(found);
};

console.log(`CHAOS_SEED=${seed}, ${rounds} rounds, ${values.minutes} minutes at most`);
try {
  for (const point of POINTS) {
    const kills = rolesPassing(point).map((role): Kill => ({ point, role }));
    await part(`failpoint ${point}, every process`, async () => {
      const missed = await killAtFailpoints({ ...run('point'), roles: ROLES_APART, kills, mustPass: false });
      killed[point] = kills.length - missed.length;
      return `killed ${kills.length - missed.length}; never come by: ${missed.map(({ role }) => role).join(', ') || 'none'}`;
    });
  }
  for (let round = 0; round < rounds; round += 1) {
    const env = { FULFILMENT: round % 2 === 0 ? 'orchestrated' : 'choreographed' };
    await part(`random kills, processes, ${env.FULFILMENT}, round ${round + 1}`, async () =>
      count(
        await killAtRandom({
          ...run('random', round),
          env,
          roles: ROLES_APART,
          orders: 300,
          kills: 30,
          pause: [100, 2000],
        }),
      ),
    );
    await part(`random kills, processes and broker, ${env.FULFILMENT}, round ${round + 1}`, async () =>
      count(
        await killAtRandom({
          ...run('broker', round),
          env,
          orders: 200,
          kills: 20,
          pause: [100, 2000],
          others: { broker: node },
        }),
      ),
    );
    await part(`killed supervisor, round ${round + 1}`, async () => {
      await killTheSupervisor({ seed: seed + round, rounds: 6, orders: 15, say });
      return '6 kills';
    });
  }
  await part('simulated orders', () => simulateOrders({ seed, say }));
  await part('sagas in a hurry, processes and broker', async () => {
    const { sagas, killed } = await hurrySagas({
      ...run('sagas'),
      roles: ROLES_APART,
      orders: 500,
      customers: 6,
      kills: 40,
      pause: [100, 2500],
      absence: [0, 4000],
      outage: 8000,
      tokens: ALL_TOKENS,
      env: { SAGA_TIMEOUT: '5s', SAGA_RETRY_DELAYS: '1s,2s', RETRY_DELAYS: '100ms,300ms,1s,2s,4s,8s,16s' },
      others: { broker: node },
    });
    count(killed);
    return counts(sagas);
  });
  await part('switch of FULFILMENT, with orders in flight', async () => {
    await switchFulfilment({ ...run('switch'), rounds: 6, orders: 6 });
    return '6 times there and back';
  });
  await part('half the fleet one version behind', async () => {
    const { events, quarantined } = await rollVersions({ ...run('rolling'), rounds: rounds * 2, events: 300 });
    return `${events} events, up to ${quarantined} in quarantine`;
  });
  await part('kills in the quarantine', async () => {
    const kills = QUARANTINE_KILLS;
    await killInQuarantine({ ...run('quarantine'), kills, rounds: rounds * 2 });
    return `${kills.length * rounds * 2} kills`;
  });
  await part('ordered subjects', async () => {
    const { kills, corrected, parked } = await keepOrder({
      ...run('ordered'),
      events: rounds * 1_500,
      kills: rounds * 40,
    });
    return `${kills} kills, ${corrected} dead letters corrected, up to ${parked} parked`;
  });
  await part('ordered sequences', async () => {
    const { kills, corrected, gaps, released, replays } = await keepSequence({
      ...run('sequences'),
      ...{ events: rounds * 1_000, kills: rounds * 30, moves: rounds * 8 },
    });
    return `${kills} kills, ${gaps} gaps, ${released} released, ${replays} replays, ${corrected} dead letters corrected`;
  });
  await part('partitions', async () => {
    const own = await ownNode();
    const { amqpUrl, managementUrl } = own.node;
    const killBroker = async () => {
      await own.node.kill();
      await own.node.restart();
    };
    try {
      const { kills, moved, moverKills, brokerKills } = await keepOrder({
        ...run('partitions'),
        ...{ amqpUrl, managementUrl, ownBroker: true },
        ...{ events: rounds * 1_000, kills: rounds * 20, moves: rounds * 40 },
        killBroker,
      });
      return `${moved} partitions moved, ${kills} kills of replicas, ${moverKills} of the command, ${brokerKills} of the broker`;
    } finally {
      await own.remove();
    }
  });
  await part('Kafka sinks and sources', async () => {
    const missing = missingKafka();
    if (missing !== undefined) throw new NoKafka(missing);
    const own = await ownKafka();
    try {
      const { brokers } = own.node;
      const node = { node: own.node, kills: rounds * 2 };
      const { seed: seedOfRun, prefix } = run('kafka');
      return counts(
        await keepExactlyOnce({
          brokers,
          prefix,
          node,
          seed: seedOfRun,
          faults: rounds * 20,
          say,
        }),
      );
    } finally {
      await own.remove();
    }
  });
  await part('power failures', async () => {
    const cuts = rounds * 4;
    const orders = await cutPower({ ...run('power'), roles: ROLES_APART, cuts, pause: [2000, 9000], syncTime: 250 });
    return `${cuts} cuts, ${orders} orders`;
  });
  await part('store, racing writers', async () => {
    await raceWriters({ seed, runs: rounds * 400 });
    return `${rounds * 400} histories of three processes`;
  });
  await part('store, killed amid commits', async () => {
    const acknowledged = await killAmidCommits({ seed, kills: 200, say });
    return `200 kills, ${acknowledged} batches acknowledged`;
  });
  await part('windows, recomputed', async () => {
    await checkWindows({ seed, runs: rounds * 1_000 });
    return `${rounds * 1_000} histories with restarts at every commit`;
  });
  await part('killed windows', async () => {
    const points = ['windows.applied:1', 'windows.committed:1', 'windows.applied:2', 'windows.committed:3'];
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of ['tumbling', 'hopping', 'sliding'] as const) {
        await killWindows({ seed: seed + round, kind, readings: 4_000, points });
      }
    }
    return `${rounds * 3 * points.length} kills`;
  });
  await part('killed projections', async () => {
    await killProjections({ seed, rounds: rounds * 3, say });
    return `${rounds * 3} times at each step`;
  });
  await part('broker not there', async () => {
    await orderWithoutBroker({ prefix: 't-down-', seed, say, thorough: true });
    return 'before its start, blocked, stopped';
  });
  await part('cluster, each node killed in turn', async () => {
    await killNodes({ prefix: 't-cluster-', seed, say, orders: 200 });
    return '200 orders shipped, each charged once';
  });
  await part('gateway outage', async () => {
    await withBreaker(run('outage'), (outage) => gatewayOutage(outage, { say, orders: 40, probes: 9 }));
    return '9 failed probes';
  });
  await part('tok_down among good ones', async () => {
    await withBreaker(run('down'), (among) => tokensOfAllKinds(among, { say, down: 10, end: 'stuck' }));
    return '10 of them';
  });
  await part('tok_down among good ones, given up', async () => {
    const env = { SAGA_TIMEOUT: '40s', SAGA_RETRY_DELAYS: '1s' };
    await withBreaker({ ...run('given-up'), env }, (among) =>
      tokensOfAllKinds(among, { say, down: 10, end: 'given up' }),
    );
    return '10 of them';
  });
  await part('bad input', async () => {
    await sayWhatIsWrong(run('bad'));
    return 'refused or dead-lettered with its code';
  });
  await part('hostile messages', () => decodeHostileMessages({ count: 1_000_000, seed, say }));
  await part('verdicts about schemas', () => compareVerdicts({ count: Math.max(200, rounds * 40), seed, say }));
  await part('full disk', async () => {
    await fillTheDisk(run('disk'));
    return 'a tmpfs of 24 MB';
  });
  await part('operator with the runbook', async () => {
    const faults = allFaults(seed);
    await findFaults({ seed, faults, say });
    return `${faults.length} faults found and ended`;
  });
  await part('two fleets', async () => {
    await shareABroker(run('two'), 40);
    return '40 orders each';
  });
} finally {
  await remove();
  await cleanUpAtEnd(); // the node that tests share, where a part has used it
}

console.log(`\nCHAOS_SEED=${seed}`);
for (const { name, outcome, detail } of results)
  console.log(`${outcome.padEnd(8)} ${name.padEnd(50)} ${detail.slice(0, 120)}`);
console.log(`kills: ${counts(killed)}`);
if (results.length === 0) console.error(`No part has ${JSON.stringify(values.only)} in its name.`);
process.exitCode = results.length === 0 || results.some(({ outcome }) => outcome === 'BROKEN') ? 1 : 0;
