import type { Command } from 'commander';
import { generationsOf } from '../../projections/generations.js';
import { checkpointOf } from '../../projections/physical-names.js';
import { skipsOf } from '../../projections/skips.js';
import type { Context } from '../context.js';
import { listedOf, stoppedAt } from './list.js';
import { chosen, knownProjections, withStores, type KnownProjection } from './open.js';

export function registerShow(projections: Command, context: Context): void {
  projections
    .command('show')
    .description('a read model: its tables, at what it stands still, what was skipped, a rebuild that is under way')
    .argument('<name>')
    .option('--json', 'for programs')
    .action((name: string, flags: { json?: boolean }) => runShow(name, flags, context));
}

async function runShow(name: string, { json = false }: { json?: boolean }, context: Context): Promise<void> {
  const [known] = chosen(await knownProjections(context), [name]);
  if (known === undefined) return;
  const shown = await read(known, context);
  if (json) {
    context.print(JSON.stringify(shown, null, 2));
    return;
  }
  const { status, position, behind, version, modelVersion, stop, tables, types, skips, rebuilding } = shown;
  context.print(`${name}, kept by ${shown.worker} from the events of ${shown.store}`);
  context.print(`status    ${status}${stop === null ? '' : `: ${stoppedAt(stop)}`}`);
  context.print(`position  ${position}, ${behind} behind`);
  context.print(
    `version   ${version}${modelVersion === version ? '' : `; the model was made by ${modelVersion ?? 'none'}`}`,
  );
  context.print(`tables    ${tables.join(', ')}`);
  context.print(`events    ${types.join(', ')}`);
  if (rebuilding !== null) {
    context.print(`rebuild   of version ${rebuilding.version}, at ${rebuilding.position}, begun ${rebuilding.begunAt}`);
  }
  for (const { type, eventId, at, who, reason, code } of skips) {
    context.print(`skipped   ${type} ${eventId} at ${at} by ${who}: ${reason} (${code})`);
  }
}

async function read(known: KnownProjection, context: Context) {
  const { name, tables, handlerOf } = known.projection.definition;
  return withStores(context, async ({ find }) => {
    const store = await find(known.service);
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
    };
  });
}
