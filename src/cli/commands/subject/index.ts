import type { Command } from 'commander';
import { readAttempts } from '../../../broker/messages/headers.js';
import { formatAge, formatDuration } from '../../../duration.js';
import { FlotillaError } from '../../../errors.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import type { Store } from '../../../store/store.js';
import {
  holdSubject,
  releaseSubject,
  skipFirst,
  waitingSubjects,
  type WaitingSubject,
} from '../../../worker/ordering/operate.js';
import { messagesOfKey } from '../../../worker/ordering/parked-table.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { MAX_LINES, printList } from '../../shared/output/print-list.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { withSession } from '../../shared/session.js';
import { findOrdered, orderedStore, orderedWorkers } from './ordered-workers.js';

interface Flags {
  json?: boolean;
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
      runChange(worker, flags, context, async (store) => {
        const isNew = await holdSubject(store, worker, name, Date.now());
        return isNew ? `${name} is held.` : `${name} was held already.`;
      }),
    );
  withSubject(subject.command('release'))
    .description('end the hold of a subject: its messages are handled, also the one that failed')
    .addHelpText('after', examples(['flotilla subject release statements account/42', 'let it continue']))
    .action((worker: string, name: string, flags: Flags) =>
      runChange(worker, flags, context, async (store) => {
        await releaseSubject(store, worker, name, Date.now());
        return `${name} is released.`;
      }),
    );
  withSubject(subject.command('skip'))
    .description('end the hold of a subject without its first message')
    .addHelpText('after', examples(['flotilla subject skip statements account/42', 'continue without a message']))
    .action((worker: string, name: string, flags: Flags) =>
      runChange(worker, flags, context, async (store) => {
        const skipped = await skipFirst(store, worker, name);
        if (skipped === undefined) return `${name} is released; no message was waiting.`;
        return `${name} continues without ${skipped.type} ${skipped.id}. Its dead letter is kept.`;
      }),
    );
}

function withSubject(command: Command): Command {
  return command.argument('<worker>').argument('<subject>').option('--json', 'print JSON');
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
      subject: ({ subject }) => subject,
      messages: ({ parked }) => String(parked),
      first: ({ first }) => first?.type ?? '-',
      since: ({ since }) => formatAge(now - since),
      'waits for': (item) => reasonOf(item, now),
    },
  });
  requireAllRead(context, unread);
}

function reasonOf({ hold, first }: WaitingSubject, now: number): string {
  if (hold !== undefined) return hold.code === null ? 'an operator' : `an operator (${hold.code})`;
  if (first === undefined || first.dueAt <= now) return 'its turn';
  return `its next attempt in ${formatDuration(first.dueAt - now)}`;
}

async function runShow(name: string, subject: string, { json = false }: Flags, context: Context): Promise<void> {
  const items = await withSession(context, async (session) => {
    const { store } = await openOrdered(session, name);
    return (await messagesOfKey(store.query, name, subject, MAX_LINES)).map(
      ({ type, id, source, since, dueAt, properties }) => ({
        type,
        id,
        source,
        since: new Date(since).toISOString(),
        due: new Date(dueAt).toISOString(),
        failures: readAttempts(properties.headers),
      }),
    );
  });
  printList(context, items, {
    json,
    empty: `No message of ${subject} waits.`,
    columns: {
      type: ({ type }) => type,
      id: ({ id }) => id,
      source: ({ source }) => source,
      since: ({ since }) => formatAge(Date.now() - Date.parse(since)),
      failures: ({ failures }) => String(failures.length),
      last: ({ failures }) => failures.at(-1)?.code ?? '-',
    },
  });
}

async function runChange(
  name: string,
  { json = false }: Flags,
  context: Context,
  work: (store: Store) => Promise<string>,
): Promise<void> {
  const done = await withSession(context, async (session) => work((await openOrdered(session, name)).store));
  if (json) context.printJson({ done });
  else context.print(done);
}

async function openOrdered(session: FleetSession, name: string): Promise<{ store: Store }> {
  const worker = findOrdered(session, name);
  const store = await orderedStore(session, worker);
  if (store === undefined) throw new FlotillaError('store.missing', worker.store);
  return { store };
}
