import { withFleet, type ChaosRun, type RunOptions } from '../support/chaos-run.js';
import { handledBy, openTill, ROLLING_ENV, withStore, type Release } from '../support/rolling-fleet.js';
import { eventually } from '../../support/eventually.js';

export interface RollingOptions extends RunOptions {
  /** Events published in each of the four phases. */
  events: number;
  /** How often the fleet rolls forward, back and forward again. */
  rounds: number;
}

const ROLES = {
  keeper: ['keeper'],
  'parallel-1': ['worker', 'parallel'],
  'parallel-2': ['worker', 'parallel'],
  serial: ['worker', 'serial'],
} as const;

const SUBJECTS = 12;
/** A killed process holds its lease for some seconds, and a release that found nothing is repeated after a pause. */
const HANDLED = { limit: 120_000, every: 200 };

/** Half of a fleet runs the earlier release while the other half runs and publishes the later one; then it rolls back, and
 *  forward again, under load and with kills. Each event is handled once, none is dead-lettered, and the worker that handles
 *  one message at a time handles every subject in order. Resolves with the number of events, and the largest number of
 *  messages that were in quarantine. */
export async function rollVersions(options: RollingOptions): Promise<{ events: number; quarantined: number }> {
  const env = { ...ROLLING_ENV, ...options.env };
  const found = { events: 0, quarantined: 0 };
  await withFleet({ ...options, roles: ROLES, env }, async (run) => {
    const { fleet } = run;
    await fleet.start(undefined, { RELEASE: 'earlier' });
    const load = await openLoad(run);
    try {
      for (let round = 0; round < options.rounds; round += 1) {
        await load.publish(options.events, 'earlier');
        await Promise.all([roll(run, ['parallel-2'], 'later'), load.publish(options.events, 'later')]);
        found.quarantined = Math.max(found.quarantined, inQuarantine(run));
        await Promise.all([roll(run, ['parallel-2'], 'earlier'), load.publish(options.events, 'earlier')]);
        await eventually('followers wait in the quarantine', () => inQuarantine(run) > 0);
        found.quarantined = Math.max(found.quarantined, inQuarantine(run));
        const all = ['parallel-1', 'parallel-2', 'serial'];
        await Promise.all([roll(run, all, 'later'), load.publish(options.events, 'later')]);
        await eventually('every event is handled', () => missing(run, load.published).length === 0, HANDLED);
        options.say?.(`round ${round + 1}: ${load.total} events, up to ${found.quarantined} in quarantine`);
        if (round + 1 < options.rounds) await roll(run, all, 'earlier');
      }
      check(run, load.published);
      await requireNothingLeft(run);
    } finally {
      await load.close();
    }
    found.events = load.total;
  });
  return found;
}

/** Restarts these processes with another release, one after the other; some are killed for it. */
async function roll({ fleet, random }: ChaosRun, roles: readonly string[], release: Release): Promise<void> {
  for (const role of roles) {
    if (random.chance(0.5)) await fleet.process(role).kill();
    else await fleet.process(role).stop();
    await fleet.start([role], { RELEASE: release });
  }
}

/** Publishes the events of each subject in order. */
async function openLoad({ fleet, random }: ChaosRun) {
  const till = await openTill(fleet);
  const published = new Map<string, number>();
  return {
    published,
    get total() {
      return [...published.values()].reduce((sum, count) => sum + count, 0);
    },
    async publish(events: number, release: Release): Promise<void> {
      for (let n = 0; n < events; n += 1) {
        const subject = `account/${random.between(1, SUBJECTS)}`;
        const count = (published.get(subject) ?? 0) + 1;
        await till.add(release, { subject, count });
        published.set(subject, count);
      }
    },
    close: till.close,
  };
}

const WORKERS = ['parallel', 'serial'];

/** The published events that a worker has not handled. */
function missing(run: ChaosRun, published: ReadonlyMap<string, number>): string[] {
  return WORKERS.flatMap((worker) => {
    const handled = new Set(handledBy(run.fleet.dataDir, worker).map(({ subject, count }) => `${subject} ${count}`));
    return [...published].flatMap(([subject, last]) =>
      Array.from({ length: last }, (_, index) => `${subject} ${index + 1}`)
        .filter((event) => !handled.has(event))
        .map((event) => `${worker}: ${event}`),
    );
  });
}

/** Throws unless each worker has handled each event once, and `serial` each subject in order. */
function check(run: ChaosRun, published: ReadonlyMap<string, number>): void {
  const wrong = missing(run, published).map((event) => `lost: ${event}`);
  for (const worker of WORKERS) {
    const seen = new Set<string>();
    const last = new Map<string, number>();
    for (const { subject, count } of handledBy(run.fleet.dataDir, worker)) {
      if (seen.has(`${subject} ${count}`)) wrong.push(`handled twice by ${worker}: ${subject} ${count}`);
      seen.add(`${subject} ${count}`);
      const before = last.get(subject) ?? 0;
      if (worker === 'serial' && count !== before + 1) wrong.push(`out of order: ${subject} ${count} after ${before}`);
      last.set(subject, count);
    }
  }
  if (wrong.length > 0) throw new Error(`- ${wrong.slice(0, 40).join('\n- ')}`);
}

/** The number of messages that both workers have in quarantine. */
function inQuarantine({ fleet }: ChaosRun): number {
  const counts = WORKERS.map((worker) =>
    withStore(fleet.dataDir, worker, (store) =>
      Number(store.prepare('select count(*) from flotilla_quarantined').pluck().get()),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Throws if a message is in quarantine, in a retry queue, or dead-lettered. */
async function requireNothingLeft(run: ChaosRun): Promise<void> {
  const { fleet } = run;
  const left = inQuarantine(run);
  const dead = JSON.parse(await fleet.command('dead', 'list', '--json')) as { items: unknown[] };
  if (left > 0 || dead.items.length > 0) throw new Error(`${left} in quarantine, ${dead.items.length} dead letters`);
}
