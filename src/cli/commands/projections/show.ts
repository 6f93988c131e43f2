import type { Command } from 'commander';
import { generationsOf } from '../../../projections/tables/generations.js';
import { checkpointOf } from '../../../projections/tables/physical-names.js';
import { skipsOf } from '../../../projections/tables/skips.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { listedOf, stoppedAt } from './list.js';
import { chosen, knownProjections, withStores, type KnownProjection } from './open.js';

export function registerShow(projections: Command, context: Context): void {
  projections
    .command('show')
    .description(
      'show a read model: its tables, the event at which it is stopped, skipped events, a rebuild in progress',
    )
    .argument('<name>')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla projections show order-summary', 'show one read model']))
    .action((name: string, flags: { json?: boolean }) => runShow(name, flags, context));
}

async function runShow(name: string, { json = false }: { json?: boolean }, context: Context): Promise<void> {
  const [known] = chosen(await knownProjections(context), [name]);
  if (known === undefined) return;
  const { unread, ...shown } = await read(known, context);
  if (json) context.printJson({ ...shown, unread }, 2);
  else for (const line of linesOf(shown)) context.print(line);
  requireAllRead(context, unread);
}

type Shown = Omit<Awaited<ReturnType<typeof read>>, 'unread'>;

function linesOf(shown: Shown): string[] {
  const { name, status, position, behind, version, modelVersion, stop, tables, types, skips, rebuilding } = shown;
  const model = modelVersion === version ? '' : `; the model was made by ${modelVersion ?? 'none'}`;
  return [
    `${name}, kept by ${shown.worker} from the events of ${shown.store}`,
    `status    ${status}${stop === null ? '' : `: ${stoppedAt(stop)}`}`,
    ...(status === 'unread' ? [] : [`position  ${position}, ${behind} behind`]),
    `version   ${version}${status === 'unread' ? '' : model}`,
    `tables    ${tables.join(', ')}`,
    `events    ${types.join(', ')}`,
    ...(rebuilding === null
      ? []
      : [`rebuild   of version ${rebuilding.version}, at ${rebuilding.position}, begun ${rebuilding.begunAt}`]),
    ...skips.map(
      ({ type, eventId, at, who, reason, code }) =>
        `skipped   ${type} ${eventId} at ${at} by ${who}: ${reason} (${code})`,
    ),
  ];
}

async function read(known: KnownProjection, context: Context) {
  const { name, tables, handlerOf } = known.projection;
  return withStores(context, async (stores) => {
    const store = await stores.find(known.service);
    const [building] = store === undefined ? [] : await generationsOf(store.query, name, 'building');
    const rebuilding =
      store === undefined || building === undefined
        ? null
        : {
            version: building.version,
            position: await store.checkpoint(checkpointOf(name, building.generation)),
            begunAt: building.madeAt,
          };
    return {
      ...(await listedOf(known, store)),
      tables: Object.keys(tables),
      types: [...handlerOf.keys()],
      skips: store === undefined ? [] : await skipsOf(store.query, name),
      rebuilding,
      unread: stores.unread,
    };
  });
}
