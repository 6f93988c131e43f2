import type { Command } from 'commander';
import { formatAge } from '../../../duration.js';
import { KAFKA_STORE } from '../../../fleet/reserved-names.js';
import { derivedId } from '../../../events/ids.js';
import { migrateKafkaTables } from '../../../kafka/source/offset-table.js';
import { deleteRejected, listRejected, rejectedContent, type RecordPlace } from '../../../kafka/source/rejected.js';
import { appendRecord } from '../../../kafka/source/source.js';
import { openExistingStore } from '../../../runtime/stores/existing-stores.js';
import type { Store } from '../../../store/store.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { CommandFailed, UsageError } from '../../shared/failure.js';
import { MAX_LINES, printList } from '../../shared/output/print-list.js';

interface Flags {
  all?: boolean;
  json?: boolean;
}

export function registerRejected(kafka: Command, context: Context): void {
  const rejected = kafka.command('rejected').description('inspect, retry and discard records that a source rejected');
  rejected
    .command('list')
    .description('list them, the oldest first')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla kafka rejected list', 'what the sources could not store']))
    .action((flags: Flags) => withStore(context, (store) => list(store, flags, context)));
  rejected
    .command('show')
    .description('print a record with its headers and the reason')
    .argument('<record>', 'topic/partition/offset, as `list` prints it')
    .addHelpText('after', examples(['flotilla kafka rejected show orders/0/17', 'the record at offset 17']))
    .action((record: string) => withStore(context, (store) => show(store, record, context)));
  for (const [name, description, example] of [
    ['retry', 'store the events of records whose cause is corrected', 'accept the record at offset 17'],
    ['discard', 'forget records; Kafka still has them', 'give up the record at offset 17'],
  ] as const) {
    rejected
      .command(name)
      .description(description)
      .argument('[record]', 'topic/partition/offset, as `list` prints it')
      .option('--all', 'all rejected records')
      .addHelpText('after', examples([`flotilla kafka rejected ${name} orders/0/17`, example]))
      .action((record: string | undefined, flags: Flags) =>
        withStore(context, (store) => settle(store, { record, ...flags }, name, context)),
      );
  }
}

async function withStore(context: Context, work: (store: Store) => Promise<void>): Promise<void> {
  const store = await openExistingStore(context, KAFKA_STORE);
  try {
    await migrateKafkaTables(store);
    await work(store);
  } finally {
    await store.close();
  }
}

async function list(store: Store, { json = false }: Flags, context: Context): Promise<void> {
  const now = Date.now();
  printList(context, await listRejected(store.query, MAX_LINES), {
    json,
    empty: 'No rejected records.',
    freeText: ['reason'],
    columns: {
      record: placeText,
      source: ({ consumer }) => consumer,
      age: ({ rejectedAt }) => formatAge(now - rejectedAt),
      code: ({ code }) => code,
      reason: ({ detail }) => detail,
    },
  });
}

async function show(store: Store, record: string, context: Context): Promise<void> {
  const found = await rejectedContent(store.query, parsePlace(record));
  if (found === undefined) throw new CommandFailed(`there is no rejected record ${record}`);
  context.printJson({ record, ...found, body: found.body?.toString() ?? null }, 2);
}

async function settle(
  store: Store,
  { record, all = false }: Flags & { record: string | undefined },
  action: 'retry' | 'discard',
  context: Context,
): Promise<void> {
  if ((record === undefined) !== all) throw new UsageError('name one record, or use --all');
  const places = record === undefined ? await listRejected(store.query, MAX_LINES) : [parsePlace(record)];
  let failed = 0;
  for (const place of places) {
    const problem = action === 'discard' ? await discard(store, place) : await retry(store, place, context);
    if (problem === undefined) continue;
    failed += 1;
    context.say(`${placeText(place)}: ${problem}`);
  }
  context.say(`${places.length - failed} ${action === 'retry' ? 'stored' : 'discarded'}.`);
  if (failed > 0) throw new CommandFailed(`${failed} of ${places.length} records remain`);
}

async function discard(store: Store, place: RecordPlace): Promise<string | undefined> {
  const isDeleted = await store.transaction((tx) => deleteRejected(tx.sql, place));
  return isDeleted ? undefined : 'is not rejected';
}

/** Appends the event and deletes the row in one transaction. Resolves with the reason if it is rejected again. */
async function retry(store: Store, place: RecordPlace, context: Context): Promise<string | undefined> {
  const { catalogue, kafka } = await context.fleet();
  const deriveId = context.fleetKeys?.deriveId ?? derivedId;
  return store.transaction(async (tx) => {
    const record = await rejectedContent(tx.sql, place);
    if (record === undefined) return 'is not rejected';
    const source = kafka?.sources?.find(({ name }) => name === record.consumer);
    if (source === undefined) return `the fleet has no source ${record.consumer}`;
    const { definitions } = catalogue;
    const options = { definitions, types: source.types, store, deriveId };
    const problem = await appendRecord(tx, { ...record, value: record.body }, options);
    if (problem !== undefined) return problem.message;
    await deleteRejected(tx.sql, place);
    return undefined;
  });
}

function placeText({ topic, partition, offset }: RecordPlace): string {
  return `${topic}/${partition}/${offset}`;
}

function parsePlace(text: string): RecordPlace {
  const [, topic, partition, offset] = /^([A-Za-z0-9._-]{1,249})\/(\d{1,9})\/(\d{1,15})$/.exec(text) ?? [];
  if (topic !== undefined) return { topic, partition: Number(partition), offset: Number(offset) };
  throw new UsageError(`${JSON.stringify(text)} is not topic/partition/offset, such as orders/0/17`);
}
