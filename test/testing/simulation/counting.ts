import type { Worker } from 'flotilla';
import { simulation, type Run, type SimulationOptions, type World } from 'flotilla/simulation';
import { createEvent } from '../../../src/events/create.js';
import { shop, tallyMigrations } from '../../support/shop.js';

/** What a worker did with each job: what it noted in its store, and what it did outside. */
export interface Counted extends World {
  /** Calls that had an effect, by key. */
  effects: Map<string, number>;
  /** The jobs whose handler heard the answer to its call, once for each time. */
  heard: number[];
  /** What the handler saw, once for each time it ran. */
  seen: { attempt: number; mayHaveBegun: boolean }[];
}

/** Does a job outside, notes it, and says that it is finished. */
export const counting = shop.defineWorker({
  name: 'counting',
  setup: () => ({
    act: async (_key: string): Promise<void> => undefined,
    see: (_: Counted['seen'][number]) => {},
    hear: (_: number) => {},
  }),
  migrations: tallyMigrations,
  retry: { delays: ['1s', '10s'] },
  emits: ['job.finished'],
  on: {
    'job.begun': async ({ data: { n } }, ctx) => {
      const { attempt, mayHaveRunBefore: mayHaveBegun } = ctx;
      ctx.use.see({ attempt, mayHaveBegun });
      await ctx.call('tool', () => ctx.use.act(ctx.key));
      ctx.use.hear(n);
      ctx.write(async (tx) => {
        await tx.sql`insert into tally (n, attempt) values (${n}, ${attempt})`;
      });
      ctx.emit('job.finished', { n });
    },
  },
});

export const begin = (run: Run, n: number) => {
  const context = run.context({ source: 'jobs', subject: `job/${n}` });
  return run.store('jobs').append(`job/${n}`, 'any', [createEvent(shop.definitions, 'job.begun', { n }, context)]);
};

/** Jobs that begin at once, and a worker that counts; `check` as the simulation's. */
export function jobs({
  worker = counting,
  count = 1,
  check = () => undefined,
  ...rest
}: { worker?: Worker; count?: number } & Partial<SimulationOptions<Counted, undefined>> = {}) {
  return simulation<Counted>({
    workers: [worker],
    setup(run) {
      const effects: Counted['effects'] = new Map();
      const seen: Counted['seen'] = [];
      const heard: Counted['heard'] = [];
      const act = run.externalCall('tool', (key: string) => effects.set(key, (effects.get(key) ?? 0) + 1));
      const see = (each: Counted['seen'][number]) => seen.push(each);
      const hear = (n: number) => heard.push(n);
      return { effects, seen, heard, use: { [worker.name]: { act, see, hear } } };
    },
    async scenario(run) {
      for (let n = 1; n <= count; n++) await begin(run, n);
    },
    check,
    ...rest,
  });
}

/** How often each job was noted. */
export async function tally(run: Run): Promise<Record<number, number>> {
  const rows = await run.store('counting').query<{ n: number; times: number }>`
    select n, count(*) as times from tally group by n order by n`;
  return Object.fromEntries(rows.map(({ n, times }) => [n, times]));
}
