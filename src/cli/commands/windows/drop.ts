import { hostname } from 'node:os';
import { InvalidArgumentError, type Command } from 'commander';
import { FlotillaError } from '../../../errors.js';
import { streamLease } from '../../../event-log/consumers/stream-consumer.js';
import { migrateLogCheckpoints } from '../../../event-log/positions/checkpoint-table.js';
import { newId } from '../../../events/ids.js';
import { KAFKA_STORE } from '../../../fleet/reserved-names.js';
import { forgetOffsets, migrateKafkaTables } from '../../../kafka/source/offset-table.js';
import { topicWindowsLease } from '../../../kafka/windows/topic-windows.js';
import { describeUnread } from '../../../runtime/stores/existing-stores.js';
import { LeaseHolder } from '../../../store/leases/lease-holder.js';
import type { Store } from '../../../store/store.js';
import { silentLogger } from '../../../telemetry/logger.js';
import { versionName, type WindowsDefinition } from '../../../windows/definition.js';
import { dropVersion } from '../../../windows/state/drop-version.js';
import { readWindows } from '../../../windows/state/windows-table.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { confirm } from '../../shared/input/confirm.js';
import { chosen, knownWindows, withStores } from './open.js';

/** Milliseconds; renewed while the state is deleted. */
const LEASE_TTL_MS = 5_000;

type Version = Pick<WindowsDefinition, 'name' | 'version'>;

interface Flags {
  yes?: boolean;
}

export function registerDrop(windows: Command, context: Context): void {
  windows
    .command('drop')
    .description('delete the state of a version that the fleet no longer has; its results stay')
    .argument('<name@version>', 'as `windows list` shows it', versionOf)
    .option('--yes', 'do not ask for confirmation')
    .addHelpText(
      'after',
      examples(['flotilla windows drop order-metrics@1', 'delete the state of version 1, after confirmation']),
    )
    .action((version: Version, flags: Flags) => runDrop(version, flags, context));
}

/** Parses `order-metrics@1`. */
function versionOf(text: string): Version {
  const [, name, version] = /^([^@]+)@(\d{1,9})$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("It must be a name and a version, such as 'order-metrics@1'.");
  return { name, version: Number(version) };
}

async function runDrop({ name, version }: Version, { yes = false }: Flags, context: Context): Promise<void> {
  const known = await knownWindows(context);
  const { service } = chosen(known, name);
  if (known.some(({ definition }) => definition.name === name && definition.version === version))
    throw new UsageError(`${name}@${version} is a version of this fleet; only old ones can be dropped`);
  await withStores(context, async (stores) => {
    const store = await stores.find(service);
    if (store === undefined) throw new FlotillaError('store.missing', describeUnread(context, [service]));
    const row = await readWindows(store.query, { name, version });
    if (row === undefined) throw new FlotillaError('windows.not_found', `${name}@${version} in ${service}`);
    if (!yes) {
      if (!context.interactive) throw new UsageError('drop asks first; without a terminal, add --yes');
      context.say(
        `The panes of ${name}@${version} and its ${row.late + row.refused} late and refused events will be deleted.`,
      );
      if (!(await confirm(`Delete its state from ${service}?`, context))) {
        context.say('Nothing was changed.');
        return;
      }
    }
    const panes = await whileUnused(store, { name, version }, () => drop(store, { name, version }));
    context.print(`${name}@${version}: deleted, with ${panes} panes`);
  });
}

async function drop(store: Store, version: Version): Promise<number> {
  await migrateLogCheckpoints(store);
  if (store.service === KAFKA_STORE) {
    await migrateKafkaTables(store);
    await store.transaction(({ sql }) => forgetOffsets(sql, versionName(version)));
  }
  return (await dropVersion(store, version)) ?? 0;
}

/** Holds the lease of the computation, so that no process of an earlier release runs it. */
async function whileUnused<T>(store: Store, version: Version, work: () => Promise<T>): Promise<T> {
  const name = store.service === KAFKA_STORE ? topicWindowsLease(version) : streamLease(versionName(version));
  const holder = `${hostname()}:${process.pid}:${newId()}`;
  const lease = await LeaseHolder.acquire(store, { name, holder, ttl: LEASE_TTL_MS, logger: silentLogger() });
  if (lease === undefined) {
    throw new UsageError(
      `a process computes ${version.name}@${version.version}; stop the workers of the earlier release`,
    );
  }
  try {
    return await work();
  } finally {
    await lease.release();
  }
}
