import type { Failpoint } from '../../../src/failpoints.js';
import { MAX_STARTS } from '../../../src/worker/middleware/crash-loop.js';
import { withFleet, settled, settledForGood, type ChaosRun, type RunOptions } from '../support/chaos-run.js';
import type { DeadLetter } from '../support/world.js';
import type { Token } from '../support/customers.js';
import { publishRaw } from '../support/raw-publisher.js';
import { services, Stores, workers } from '../support/stores.js';
import { patience } from '../../support/patience.js';
import { eventually } from '../../support/eventually.js';

export interface Kill {
  point: Failpoint;
  role: string;
}

/** Each failpoint once, in a process that reaches it; `npm run chaos` kills at each one in every process that reaches it.
 *  Failpoints of one process follow each other: it starts once for each. */
export const EACH_ONCE: readonly Kill[] = [
  { point: 'store.committed', role: 'api' },
  { point: 'relay.confirmed', role: 'doers' },
  { point: 'worker.committed', role: 'doers' },
  { point: 'worker.retry_confirmed', role: 'doers' },
  { point: 'worker.dead_confirmed', role: 'doers' },
  { point: 'keeper.kept', role: 'keeper' },
  { point: 'relay.published', role: 'talkers' },
  { point: 'saga.advanced', role: 'talkers' },
  { point: 'journal.committed', role: 'talkers' },
  { point: 'worker.handled', role: 'readers' },
  { point: 'projection.applied', role: 'readers' },
  { point: 'projection.committed', role: 'readers' },
];

export const POINTS: readonly Failpoint[] = [...new Set(EACH_ONCE.map(({ point }) => point))];

/** The processes that may reach a failpoint when every worker runs in a separate process. */
export function rolesPassing(point: Failpoint): string[] {
  const emitting = workers.filter(({ emits }) => emits.size > 0).map(({ name }) => name);
  if (point === 'keeper.kept') return ['keeper'];
  if (point.startsWith('journal.')) return ['journal'];
  if (point.startsWith('saga.')) return ['order-saga'];
  if (point === 'worker.retry_confirmed') return ['payment']; // some of its orders are flaky
  if (point.startsWith('worker.')) return workers.filter(hasQueue).map(({ name }) => name);
  if (point.startsWith('projection.')) return workers.filter(hasProjections).map(({ name }) => name);
  return ['api', 'keeper', ...emitting];
}

const hasQueue = ({ handlers }: (typeof workers)[number]) => handlers.length > 0;
const hasProjections = ({ projections }: (typeof workers)[number]) => projections.length > 0;

const PASS_LIMIT = 15_000;
const TOKENS = ['tok_ok', 'tok_ok', 'tok_flaky', 'tok_declined'] as const satisfies readonly Token[];

/** Roles that share a store, one of them with its relay: a role acquires the relay lease only if the others have
 *  released it. */
const CORE: readonly string[] = ['api', 'orders', 'views', 'analytics', 'statements'];
const isRivalOf = (role: string) => (other: string) => other !== role && CORE.includes(other);

/** A distinct message that no worker can parse and that must not affect any worker. */
function rubbish(n: number) {
  return {
    body: Buffer.from(`rubbish ${n}`),
    options: { persistent: true, contentType: 'application/cloudevents+json' },
  };
}

export const isRubbish = ({ code }: DeadLetter) => code === 'contract.not_json';

/** Kills a process at each of these points while orders are processed, and restarts it. Resolves with the points
 *  that were not reached: a process without its store's relay lease reaches no relay failpoint. */
export async function killAtFailpoints(
  options: RunOptions & { kills: readonly Kill[]; mustPass: boolean },
): Promise<Kill[]> {
  const missed: Kill[] = [];
  await withFleet(options, async (run) => {
    const { fleet, customers, random } = run;
    await fleet.start();
    for (const sku of ['item_1', 'item_2', 'item_3']) await customers.adjust(sku, 1000);
    await customers.register();
    let rubbishSent = 0;
    for (const [index, kill] of options.kills.entries()) {
      const { point, role } = kill;
      const nth = /^(worker|saga)\./.test(point) && !point.endsWith('_confirmed') ? random.between(1, 4) : 1;
      const rivals = point.startsWith('relay.') && CORE.includes(role) ? fleet.roles.filter(isRivalOf(role)) : [];
      const running = [role, ...rivals].map((each) => fleet.process(each)).filter(({ ended }) => !ended);
      await Promise.all(running.map((each) => each.stop()));
      const [armed] = fleet.launch([role], { FLOTILLA_FAILPOINT: `${point}:${nth}` });
      await Promise.race([armed?.ready(), armed?.exit()]); // it may reach the failpoint before it is ready
      fleet.launch(rivals);
      const orders = Promise.all(TOKENS.map((token) => customers.order(token)));
      const queue = fleet.names.queue(
        workers.some((worker) => worker.name === role && hasQueue(worker)) ? role : 'payment',
      );
      await publishRaw(fleet.options.amqpUrl, '', queue, [rubbish((rubbishSent += 1))]);
      const how = await Promise.race([
        fleet.process(role).exit(),
        after(PASS_LIMIT * (options.mustPass ? patience() : 1)),
      ]);
      if (how === 'SIGKILL') options.say?.(`killed at ${point}:${nth}: ${role}`);
      else {
        missed.push(kill);
        if (options.mustPass) throw new Error(`${role} did not come past ${point}:${nth} (${how})`);
        await fleet.process(role).kill();
      }
      // the process that reaches the next failpoint continues the work of a killed one
      const isCrashLoopNear = mostStarts(fleet.dataDir) >= MAX_STARTS - 1;
      if (options.kills[index + 1]?.role !== role || isCrashLoopNear) await fleet.start([role]);
      await orders;
      if (isCrashLoopNear)
        await eventually('the messages in hand at the kills are handled', () => mostStarts(fleet.dataDir) === 0);
    }
    await settled(run, { mayBeDead: isRubbish });
    await keptOnce(run, rubbishSent);
    await settledForGood(run, { mayBeDead: isRubbish });
  });
  return missed;
}

/** The highest number of start marks of a message: the kills during which it was redelivered and in hand. */
function mostStarts(dataDir: string): number {
  const stores = new Stores(dataDir);
  try {
    const rows = services.flatMap((file) => stores.rows<{ count: number }>(file, 'SELECT count FROM flotilla_started'));
    return Math.max(0, ...rows.map(({ count }) => count));
  } finally {
    stores.close();
  }
}

/** Each malformed message is stored exactly once, regardless of redeliveries. */
async function keptOnce({ fleet }: ChaosRun, sent: number): Promise<void> {
  const stores = new Stores(fleet.dataDir);
  try {
    const read = () =>
      stores.rows<{ body: Buffer }>('ops', 'SELECT body FROM dead_letters').map(({ body }) => body.toString());
    await eventually('every piece of rubbish is kept', () => new Set(read()).size === sent);
    const kept = read();
    if (kept.length !== sent) throw new Error(`${sent} pieces of rubbish were sent, ${kept.length} kept`);
  } finally {
    stores.close();
  }
}

function after(limit: number): Promise<'not reached'> {
  return new Promise((resolve) => setTimeout(() => resolve('not reached'), limit).unref());
}
