import type { Worker } from 'flotilla';
import { simulation, type Run, type SimulationOptions, type World } from 'flotilla/simulation';
import { createEvent } from '../../../src/events/create.js';
import { shop, tallyMigrations } from '../../support/shop.js';

/** The effects of a worker for each job: stored rows and external calls. */
export interface Counted extends World {
  /** Calls that took effect, by key. */
  effects: Map<string, number>;
  /** Jobs whose handler received the response of its call, once per response. */
  responses: number[];
  /** The context of each run of the handler. */
  seen: { attempt: number; mayHaveBegun: boolean }[];
}

/** Calls an external service for a job, stores a row, and emits that the job is finished. */
export const counting = shop.defineWorker({
  name: 'counting',
  setup: () => ({
    act: async (_key: string): Promise<void> => undefined,
    see: (_: Counted['seen'][number]) => {},
    respond: (_: number) => {},
  }),
  migrations: tallyMigrations,
  retry: { delays: ['1s', '10s'] },
  emits: ['job.finished'],
  on: {
    'job.begun': async ({ data: { n } }, ctx) => {
      const { attempt, mayHaveRunBefore: mayHaveBegun } = ctx;
      ctx.use.see({ attempt, mayHaveBegun });
      await ctx.call('tool', () => ctx.use.act(ctx.key));
      ctx.use.respond(n);
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

/** Jobs that start immediately and a worker that counts them; `check` as in a simulation. */
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
      const responses: Counted['responses'] = [];
      const act = run.externalCall('tool', (key: string) => effects.set(key, (effects.get(key) ?? 0) + 1));
      const see = (each: Counted['seen'][number]) => seen.push(each);
      const respond = (n: number) => responses.push(n);
      return { effects, seen, responses, use: { [worker.name]: { act, see, respond } } };
    },
    async scenario(run) {
      for (let n = 1; n <= count; n++) await begin(run, n);
    },
    check,
    ...rest,
  });
}

/** The number of stored rows per job. */
export async function tally(run: Run): Promise<Record<number, number>> {
  const rows = await run.store('counting').query<{ n: number; times: number }>`
    select n, count(*) as times from tally group by n order by n`;
  return Object.fromEntries(rows.map(({ n, times }) => [n, times]));
}
