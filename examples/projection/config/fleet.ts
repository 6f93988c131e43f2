import { baseCatalogue, catalogue, defineFleet, event, newId } from 'flotilla';
import { defineRoute } from 'flotilla/http';
import { z } from 'zod';

const vote = z.strictObject({ party: z.enum(['tea', 'coffee']) });
const votes = catalogue(baseCatalogue, { 'vote.cast': event({ 1: vote }) });

/** The number of votes for each party, from the events in the store of the API. */
const results = votes.defineProjection({
  name: 'results',
  version: 1,
  tables: { results: 'create table results (party text primary key, votes integer not null);' },
  on: {
    'vote.cast': async ({ data: { party } }, { sql }) => {
      await sql`
        insert into results (party, votes) values (${party}, 1)
        on conflict (party) do update set votes = results.votes + 1`;
    },
  },
});

/** Shares the store of the API and runs the projection. */
const counter = votes.defineWorker({ name: 'counter', store: 'votes', projections: [results] });

const castVote = defineRoute({
  method: 'post',
  path: '/votes',
  body: vote,
  handler: ({ body, origin, commit }) =>
    commit(async (tx) => {
      const subject = `vote/${newId()}`;
      await tx.append(subject, 'none', [votes.create('vote.cast', body, origin(subject))]);
      return { status: 202 };
    }),
});

const getResults = defineRoute({
  method: 'get',
  path: '/results',
  reads: [results],
  handler: async ({ store }) => ({
    status: 200,
    body: { items: await store.query`select party, votes from results order by votes desc, party` },
  }),
});

export default defineFleet({
  catalogue: votes,
  workers: [counter],
  api: { store: 'votes', emits: ['vote.cast'], routes: [castVote, getResults] },
  banner: ({ api = '' }) => ({ Try: `curl ${api}/results` }),
});
