import type { Command } from 'commander';
import { readAttempts } from '../../../broker/messages/headers.js';
import { formatAge, formatDuration } from '../../../duration.js';
import { FlotillaError } from '../../../errors.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import type { Store } from '../../../store/store.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import {
  holdSubject,
  missingNumbers,
  releaseSubject,
  skipFirst,
  waitingSubjects,
  type WaitingSubject,
} from '../../../worker/ordering/operate.js';
import { messagesOfKey } from '../../../worker/ordering/parked-table.js';
import { formatKey, formatNumbers, SEQUENCE_GAP, sequenceKey } from '../../../worker/ordering/sequence.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { MAX_LINES, printList } from '../../shared/output/print-list.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { withSession } from '../../shared/session.js';
import { findOrdered, orderedStore, orderedWorkers } from './ordered-workers.js';

interface Flags {
  json?: boolean;
  source?: string;
}

export function register(program: Command, context: Context): void {
  const subject = program.command('subject');
  subject
    .command('list')
    .description('list the subjects whose messages wait at an ordered worker')
    .argument('[worker]')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla subject list', 'which subjects wait, and for what']))
    .action((worker: string | undefined, flags: Flags) => runList(worker, flags, context));
  withSubject(subject.command('show'))
    .description('list the waiting messages of a subject in their order')
    .addHelpText('after', examples(['flotilla subject show statements account/42', 'what waits behind what']))
    .action((worker: string, name: string, flags: Flags) => runShow(worker, name, flags, context));
  withSubject(subject.command('hold'))
    .description('let the next messages of a subject wait until it is released')
    .addHelpText('after', examples(['flotilla subject hold statements account/42', 'stop one account']))
    .action((worker: string, name: string, flags: Flags) =>
      runChange({ worker, name, flags, isNew: true }, context, async (store, key) => {
        const isNew = await holdSubject(store, worker, key, Date.now());
        return isNew ? `${name} is held.` : `${name} was held already.`;
      }),
    );
  withSubject(subject.command('release'))
    .description(
      'end the hold of a subject: its messages are handled, also the one that failed, and without missing ones',
    )
    .addHelpText('after', examples(['flotilla subject release statements account/42', 'let it continue']))
    .action((worker: string, name: string, flags: Flags) =>
      runChange({ worker, name, flags }, context, async (store, key) => {
        await releaseSubject(store, worker, key, Date.now());
        return `${name} is released.`;
      }),
    );
  withSubject(subject.command('skip'))
    .description('end the hold of a subject without the message that was dead-lettered, or without its first one')
    .addHelpText('after', examples(['flotilla subject skip statements account/42', 'continue without a message']))
    .action((worker: string, name: string, flags: Flags) =>
      runChange({ worker, name, flags }, context, async (store, key) => {
        const skipped = await skipFirst(store, worker, key, Date.now());
        if (skipped === undefined) return `${name} is released; no message was waiting.`;
        return `${name} continues without ${skipped.type} ${skipped.id}. Its dead letter is kept.`;
      }),
    );
}

function withSubject(command: Command): Command {
  return command
    .argument('<worker>')
    .argument('<subject>')
    .option('--source <service>', "of the events, for a worker that orders by 'sequence'")
    .option('--json', 'print JSON');
}

async function runList(name: string | undefined, { json = false }: Flags, context: Context): Promise<void> {
  const { items, unread } = await withSession(context, async (session) => {
    const workers = name === undefined ? orderedWorkers(session) : [findOrdered(session, name)];
    const found: (WaitingSubject & { worker: string })[] = [];
    for (const worker of workers) {
      const store = await orderedStore(session, worker);
      if (store === undefined) continue;
      found.push(...(await waitingSubjects(store, worker.name)).map((each) => ({ worker: worker.name, ...each })));
    }
    return { items: found, unread: session.stores.unread };
  });
  const now = Date.now();
  printList(context, items, {
    json,
    extra: { unread },
    empty: `No subject waits${unread.length > 0 ? ' in the stores that were read' : ''}.`,
    freeText: ['subject'],
    columns: {
      worker: ({ worker }) => worker,
      subject: ({ key }) => formatKey(key),
      messages: ({ parked }) => String(parked),
      first: ({ first }) => first?.type ?? '-',
      since: ({ since }) => formatAge(now - since),
      'waits for': (item) => reasonOf(item, now),
    },
  });
  requireAllRead(context, unread);
}

function reasonOf({ hold, first, missing }: WaitingSubject, now: number): string {
  const missed = missing && (missing.from === missing.to ? 'event ' : 'events ') + formatNumbers(missing);
  if (hold !== undefined) {
    const operator = hold.code === null ? 'an operator' : `an operator (${hold.code})`;
    return hold.code === SEQUENCE_GAP && missed !== undefined ? `${missed}, or ${operator}` : operator;
  }
  if (missed !== undefined) return missed;
  if (first === undefined || first.dueAt <= now) return 'its turn';
  return `its next attempt in ${formatDuration(first.dueAt - now)}`;
}

async function runShow(name: string, subject: string, flags: Flags, context: Context): Promise<void> {
  const { items, missing } = await withSession(context, async (session) => {
    const { store, definition } = await openOrdered(session, name);
    const key = await findKey(store, definition, { subject, ...flags });
    const messages = key === undefined ? [] : await messagesOfKey(store.query, name, key, MAX_LINES);
    const found = messages.map(({ type, id, source, sequence, since, dueAt, properties }) => ({
      type,
      id,
      source,
      ...(sequence !== undefined && { sequence }),
      since: new Date(since).toISOString(),
      due: new Date(dueAt).toISOString(),
      failures: readAttempts(properties.headers),
    }));
    return { items: found, missing: key === undefined ? [] : await missingNumbers(store, name, { key, messages }) };
  });
  const number = ({ sequence }: (typeof items)[number]) => String(sequence ?? '-');
  const isNumbered = items.some(({ sequence }) => sequence !== undefined);
  printList<(typeof items)[number], string>(context, items, {
    json: flags.json === true,
    extra: { missing },
    empty: `No message of ${subject} waits.`,
    columns: {
      ...(isNumbered && { number }),
      type: ({ type }) => type,
      id: ({ id }) => id,
      source: ({ source }) => source,
      since: ({ since }) => formatAge(Date.now() - Date.parse(since)),
      failures: ({ failures }) => String(failures.length),
      last: ({ failures }) => failures.at(-1)?.code ?? '-',
    },
  });
  if (missing.length > 0) context.say(`Missing: ${missing.map(formatNumbers).join(', ')}.`);
}

/** `isNew`: also for a subject of which nothing waits. */
async function runChange(
  { worker, name, flags, isNew = false }: { worker: string; name: string; flags: Flags; isNew?: boolean },
  context: Context,
  work: (store: Store, key: string) => Promise<string>,
): Promise<void> {
  const done = await withSession(context, async (session) => {
    const { store, definition } = await openOrdered(session, worker);
    const key = await findKey(store, definition, { subject: name, ...flags });
    if (key !== undefined) return work(store, key);
    const detail = `${name} at ${worker}`;
    throw isNew ? new FlotillaError('subject.no_source', detail) : new FlotillaError('subject.not_held', detail);
  });
  if (flags.json === true) context.printJson({ done });
  else context.print(done);
}

/** The key of a subject. For a worker that handles consecutive numbers, that of the given source, or of the only one whose
 *  events wait: undefined if none does. Throws `subject.no_source` if events of several sources wait. */
async function findKey(
  store: Store,
  { name, ordering }: WorkerDefinition,
  { subject, source }: { subject: string; source?: string },
): Promise<string | undefined> {
  if (ordering?.by !== 'sequence') return subject;
  if (source !== undefined) return sequenceKey({ source, subject });
  const found = (await waitingSubjects(store, name)).filter((each) => each.subject === subject);
  if (found.length > 1) {
    throw new FlotillaError('subject.no_source', `${subject} of ${found.map((each) => each.source).join(', ')}`);
  }
  return found[0]?.key;
}

async function openOrdered(
  session: FleetSession,
  name: string,
): Promise<{ store: Store; definition: WorkerDefinition }> {
  const definition = findOrdered(session, name);
  const store = await orderedStore(session, definition);
  if (store === undefined) throw new FlotillaError('store.missing', definition.store);
  return { store, definition };
}
