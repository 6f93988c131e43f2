import { baseCatalogue, catalogue, defineFleet, event } from 'flotilla';
import { defineRoute } from 'flotilla/http';
import { z } from 'zod';

export const message = z.object({ topic: z.string().max(40), text: z.string().max(2000) });

export const site = catalogue(baseCatalogue, {
  'message.received': event({ 1: message }),
});

/** Counts messages by topic. It shares the store of the API, so that a route can read its table. */
const digest = site.defineWorker({
  name: 'digest',
  store: 'site',
  migrations: [{ name: 'topics', sql: 'CREATE TABLE topics (topic TEXT PRIMARY KEY, messages INTEGER NOT NULL)' }],
  on: {
    'message.received': ({ data: { topic } }, ctx) => {
      ctx.write(async ({ sql }) => {
        await sql`INSERT INTO topics VALUES (${topic}, 1) ON CONFLICT (topic) DO UPDATE SET messages = messages + 1`;
      });
    },
  },
});

const listTopics = defineRoute({
  method: 'get',
  path: '/topics',
  reads: [digest],
  handler: async ({ store }) => ({
    status: 200,
    body: { items: await store.query`SELECT topic, messages FROM topics ORDER BY topic` },
  }),
});

export default defineFleet({
  catalogue: site,
  workers: [digest],
  api: { store: 'site', emits: ['message.received'], routes: [listTopics] },
});
