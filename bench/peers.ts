import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { peers as entries, type PeerEntry, type PeerName } from './peers/index.js';
import { installPeers, peerVersions } from './peers/install.js';
import { CONSUMERS, type NewOrder, type PeerContext, type Setting } from './peers/peer.js';
import type { Tally } from './peers/tally.js';
import type { Bench, BenchContext } from './support/bench.js';
import { placeOrders, post } from './support/orders.js';
import { startProgram, type BenchProcess } from './support/processes.js';
import { attemptAlternately, medianSpeed, type Speed } from './support/rounds.js';
import { brokerPid, cpuWithChildren } from './support/running-fleet.js';
import { startPostgres } from './support/servers/postgres.js';
import { startRedis } from './support/servers/redis.js';
import type { BenchServer } from './support/servers/server.js';
import { sized } from './support/size.js';
import { rateOrFailure, type Row } from './support/table.js';
import { createVirtualHost } from './support/virtual-host.js';

const CLIENTS = 32;
/** Orders, and messages, before those that are measured. */
const WARM_UP = sized(500);
const ORDERS = sized(2_000);
const MESSAGES = sized(5_000);
const ROUNDS = 3;
/** Orders of the check before the measurement: handled at once, after one failure, and never. */
const CHECKED = { never: 20, once: 5, always: 2 };
/** The settings of a channel appear in the management API within five seconds; the last retry of graphile-worker
 *  starts about ten seconds after the first attempt. */
const CHECK_LIMIT_MS = 60_000;
const POLL_INTERVAL_MS = 250;

const body: NewOrder = {
  customer: 'Ada',
  currency: 'USD',
  items: [
    { sku: 'item_1', quantity: 1, unitPrice: 1999 },
    { sku: 'item_2', quantity: 3, unitPrice: 450 },
  ],
  fails: 'never',
};

const measures = {
  orders: { name: `order job: POST, durable, handled by three consumers, ${CLIENTS} clients`, target: 2 },
  publish: { name: 'publishing alone, durable, 100 in flight', target: undefined },
  consume: { name: 'consuming alone, with retries', target: undefined },
} as const;
type Measure = keyof typeof measures;
type Speeds = Partial<Record<Measure, Speed>>;

/** A server, or the reason for its absence. */
type MaybeServer = BenchServer | Error;

/** The job of an order in Flotilla and in other libraries, each at its strongest durability: POST, response after the
 *  order is durable, three consumers with retries. And publishing and consuming alone, beside the bare driver. Checks
 *  each library before it measures it; a library that is missing or fails is one row. */
export const peers: Bench = async (context) => {
  const packages = await attempt(installPeers);
  const versions = await peerVersions();
  const servers = { redis: await attempt(startRedis), postgres: await attempt(startPostgres) };
  try {
    const run = runner(context, packages, servers);
    const names = Object.keys(entries) as PeerName[];
    const checks = await Promise.all(names.map((name) => attempt(() => run(name, check))));
    for (const [n, settings] of checks.entries()) {
      if (!(settings instanceof Error)) console.log(`  ${names[n]}, as its server reports: ${settings}`);
    }
    const failed = new Map(names.flatMap((name, n) => (checks[n] instanceof Error ? [[name, checks[n]]] : [])));
    const outcomes = await attemptAlternately(
      ROUNDS,
      Object.fromEntries(
        names.filter((name) => !failed.has(name)).map((name) => [name, () => run(name, measure)]),
      ) as Record<PeerName, () => Promise<Speeds>>,
    );
    return rowsOf({ ...Object.fromEntries(failed), ...outcomes }, versions);
  } finally {
    for (const server of Object.values(servers)) if (!(server instanceof Error)) await server.stop();
  }
};

async function attempt<T>(work: () => Promise<T>): Promise<T | Error> {
  try {
    return await work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

interface Running {
  process: BenchProcess;
  /** Microseconds of CPU of the library's process and of its server. */
  cpu: () => Promise<number>;
}

/** Returns a function that starts a library with an empty namespace in its server, works with it and stops it. */
function runner(
  context: BenchContext,
  packages: string | Error,
  servers: { redis: MaybeServer; postgres: MaybeServer },
) {
  let runs = 0;
  return async <T>(peer: PeerName, work: (running: Running) => Promise<T>): Promise<T> => {
    const { server }: PeerEntry = entries[peer];
    const name = `${context.prefix}${peer}-${++runs}`;
    const folder = join(context.folder, name);
    await mkdir(folder);
    const serverPid = await pidOf(server, context, servers);
    const vhost = await createVirtualHost(context, name);
    try {
      const peerContext: PeerContext = {
        packages: unwrap(packages),
        folder,
        name: name.replaceAll('-', '_'),
        amqpUrl: vhost.amqpUrl,
        managementUrl: context.managementUrl,
        redisUrl: servers.redis instanceof Error ? undefined : servers.redis.url,
        postgresUrl: servers.postgres instanceof Error ? undefined : servers.postgres.url,
      };
      const process = await startProgram('bench/fixtures/peer-process.ts', [peer], {
        PEER_CONTEXT: JSON.stringify(peerContext),
      });
      try {
        const cpu = async () => ((await process.call('cpu')) as number) + (await cpuWithChildren(serverPid)) * 1_000;
        return await work({ process, cpu });
      } finally {
        await process.stop();
      }
    } finally {
      await vhost.remove();
    }
  };
}

function unwrap<T>(value: T | Error): T {
  if (value instanceof Error) throw value;
  return value;
}

async function pidOf(
  server: PeerEntry['server'],
  { managementUrl }: BenchContext,
  { redis, postgres }: { redis: MaybeServer; postgres: MaybeServer },
): Promise<number> {
  if (server === 'Redis') return unwrap(redis).pid;
  if (server === 'PostgreSQL') return unwrap(postgres).pid;
  return brokerPid(managementUrl);
}

/** Resolves with the durability settings. Throws unless they are in force, each consumer handles each order once,
 *  retries the orders that fail once, and keeps those that always fail. */
async function check({ process: { url, call } }: Running): Promise<string> {
  let settings: Setting[] = [];
  await until(async () => {
    settings = (await call('settings')) as Setting[];
    const wrong = settings.filter(({ value, required }) => value !== required);
    return wrong.map(({ name, value, required }) => `${name} is ${value}, not ${required}`).join('; ');
  });
  const text = settings.map(({ name, value }) => `${name} ${value}`).join(', ');
  if (url === '') return text;

  const orders = Object.entries(CHECKED) as [NewOrder['fails'], number][];
  for (const [fails, count] of orders) {
    for (let n = 0; n < count; n += 1) await post(`${url}/orders`, JSON.stringify({ ...body, fails }));
  }
  const done = CHECKED.never + CHECKED.once;
  const exhausted = CHECKED.always * CONSUMERS.length;
  let repeated = 0;
  await until(async () => {
    const counts = (await call('counts')) as ReturnType<Tally['counts']>;
    const failures = (await call('failures')) as number;
    repeated = counts.repeated;
    if (counts.done === done && failures === exhausted) return '';
    return `${counts.done} of ${done} orders are done, ${failures} of ${exhausted} deliveries have used up their attempts`;
  });
  if (repeated > 0) throw new Error(`${repeated} orders were handled again by the same consumer`);
  return text;
}

/** Resolves when `problem` returns no text. Rejects with its text after a minute. */
async function until(problem: () => Promise<string>): Promise<void> {
  const deadline = performance.now() + CHECK_LIMIT_MS;
  for (;;) {
    const text = await problem();
    if (text === '') return;
    if (performance.now() > deadline) throw new Error(text);
    await sleep(POLL_INTERVAL_MS);
  }
}

async function measure({ process, cpu }: Running): Promise<Speeds> {
  const { url, call } = process;
  /** `cost`: the operations between the two readings of the CPU time. */
  const speedOf = async (count: number, cost: number, seconds: () => Promise<number>): Promise<Speed> => {
    const before = await cpu();
    const perSecond = count / (await seconds());
    return { perSecond, cpu: ((await cpu()) - before) / cost };
  };
  const speeds: Speeds = {};
  if (url !== '') {
    await placeAndHandle(process, WARM_UP, WARM_UP);
    speeds.orders = await speedOf(ORDERS, ORDERS, () => placeAndHandle(process, ORDERS, WARM_UP + ORDERS));
  }
  const publish = (count: number) => call('publish', count, body) as Promise<number>;
  const consume = (count: number) => call('consume', WARM_UP, count) as Promise<number>;
  await publish(WARM_UP);
  speeds.publish = await speedOf(MESSAGES, MESSAGES, () => publish(MESSAGES));
  speeds.consume = await speedOf(MESSAGES, WARM_UP + MESSAGES, () => consume(MESSAGES));
  return speeds;
}

/** Places orders. Resolves with the seconds until the three consumers have handled `total` orders since the start of
 *  the process. */
async function placeAndHandle(process: BenchProcess, orders: number, total: number): Promise<number> {
  const began = performance.now();
  const done = process.call('done', total).then(() => (performance.now() - began) / 1_000);
  // which resolves up to 20 ms after its last response
  const placed = placeOrders(process, JSON.stringify(body), orders, Math.min(CLIENTS, orders));
  const [seconds] = await Promise.all([done, placed]);
  return seconds;
}

type Outcomes = Record<PeerName, Speeds[] | Error>;

function rowsOf(outcomes: Outcomes, versions: Readonly<Record<string, string>>): Row[] {
  const speedOf = (peer: PeerName, measured: Measure) => {
    const outcome = outcomes[peer];
    return outcome instanceof Error ? outcome : medianSpeed(outcome.flatMap(({ [measured]: speed }) => speed ?? []));
  };
  return (Object.keys(measures) as Measure[]).flatMap((measured) => {
    const { name, target } = measures[measured];
    const ours = speedOf('flotilla', measured);
    return (Object.entries(entries) as [PeerName, PeerEntry][]).flatMap(([peer, { package: library }]): Row[] => {
      if (library === undefined || (measured === 'orders' && peer === 'amqplib')) return [];
      const theirs = speedOf(peer, measured);
      const comparable = !(ours instanceof Error) && !(theirs instanceof Error);
      return [
        {
          name,
          ours: rateOrFailure(ours),
          bare: `${library} ${versions[library]} ${rateOrFailure(theirs)}`,
          ...(comparable && { ratio: ours.perSecond / theirs.perSecond, ...(target !== undefined && { target }) }),
        },
      ];
    });
  });
}
