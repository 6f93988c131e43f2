import type { Projection, ProjectionTx } from '../../../src/projections/definition.js';
import type { Store } from '../../../src/store/store.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import { createEvent, originContext } from '../../../src/events/create.js';
import { shop } from '../../support/shop.js';

type Status = 'begun' | 'finished' | 'failed';

export interface JobsOptions {
  name?: string;
  version?: number;
  /** Runs before an event is handled; throws for an event that cannot be handled. */
  before?: (event: EventEnvelope) => void;
  /** Replaces the tables of the definition. */
  tables?: Record<string, string>;
}

const jobTables = {
  job_list: `
    create table job_list (n bigint not null primary key, status text not null, events bigint not null);
    create index job_list_by_status on job_list (status, n);`,
  job_totals: `create table job_totals (status text not null primary key, amount bigint not null)`,
};

/** The status of each job and the number of jobs per status: at any position the totals equal the rows of the list. */
export function jobsProjection({
  name = 'jobs',
  version = 1,
  before,
  tables = jobTables,
}: JobsOptions = {}): Projection {
  const take = (status: Status) => async (event: EventEnvelope<string, { n: number }>, tx: ProjectionTx) => {
    before?.(event);
    await count(tx, event.data.n, status);
  };
  return shop.defineProjection({
    name,
    version,
    tables,
    on: { 'job.begun': take('begun'), 'job.finished': take('finished'), 'job.failed': take('failed') },
  });
}

/** The started jobs, in a separate table. */
export function pickyProjection(before: (event: EventEnvelope) => Promise<unknown> | void): Projection {
  return shop.defineProjection({
    name: 'picky',
    version: 1,
    tables: { picky_list: 'create table picky_list (n bigint not null, primary key (n))' },
    on: {
      'job.begun': async (event, { sql }) => {
        await sql`insert into picky_list (n) values (${event.data.n})`;
        await before(event);
      },
    },
  });
}

async function count({ sql }: ProjectionTx, n: number, status: Status): Promise<void> {
  const [before] = await sql<{ status: string }>`select status from job_list where n = ${n}`;
  await sql`
    insert into job_list (n, status, events) values (${n}, ${status}, 1)
    on conflict (n) do update set status = excluded.status, events = job_list.events + 1`;
  if (before !== undefined) await sql`update job_totals set amount = amount - 1 where status = ${before.status}`;
  await sql`
    insert into job_totals (status, amount) values (${status}, 1)
    on conflict (status) do update set amount = job_totals.amount + 1`;
}

export interface JobEvent {
  type: 'job.begun' | 'job.finished' | 'job.failed';
  n: number;
}

/** Appends events of jobs in one transaction and resolves with their ids. */
export async function append(store: Store, ...events: readonly JobEvent[]): Promise<string[]> {
  const made = events.map(({ type, n }) => {
    const data = type === 'job.failed' ? { n, reason: 'tired' } : { n };
    return createEvent(shop.definitions, type, data, originContext({ source: store.service, subject: `job/${n}` }));
  });
  await store.transaction(async (tx) => {
    for (const event of made) await tx.append(event.subject, 'any', [event]);
  });
  return made.map(({ id }) => id);
}

export const begun = (n: number): JobEvent => ({ type: 'job.begun', n });
export const finished = (n: number): JobEvent => ({ type: 'job.finished', n });

/** The given number of random events. */
export function someEvents(count: number, random: () => number, jobs = 40): JobEvent[] {
  const types = ['job.begun', 'job.finished', 'job.failed'] as const;
  return Array.from({ length: count }, () => ({
    type: types[Math.floor(random() * types.length)] ?? 'job.begun',
    n: Math.floor(random() * jobs),
  }));
}

/** The current rows of the projection. */
export async function modelOf(store: Store) {
  const list = await store.query`select n, status, events from job_list order by n`;
  const totals = await store.query<{ status: string; amount: number }>`
    select status, amount from job_totals where amount > 0 order by status`;
  return { list, totals };
}

/** The expected rows after these events. */
export function expectedModel(events: readonly JobEvent[]) {
  const list = new Map<number, { n: number; status: string; events: number }>();
  for (const { type, n } of events) {
    list.set(n, { n, status: type.replace('job.', ''), events: (list.get(n)?.events ?? 0) + 1 });
  }
  const amounts = new Map<string, number>();
  for (const { status } of list.values()) amounts.set(status, (amounts.get(status) ?? 0) + 1);
  return {
    list: [...list.values()].sort((a, b) => a.n - b.n),
    totals: [...amounts].map(([status, amount]) => ({ status, amount })).sort((a, b) => (a.status < b.status ? -1 : 1)),
  };
}
