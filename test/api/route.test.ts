import { expect } from 'chai';
import { z } from 'zod';
import { defineRoute, type Route } from '../../src/api/route.js';
import { serveApi } from '../../src/api/server.js';
import { shop } from '../support/shop.js';
import { jobsProjection } from '../projections/support/jobs.js';

describe('route types', () => {
  it('infer path parameters from the path or the schema, and query and body from their schemas', () => {
    const route = defineRoute({
      method: 'post',
      path: '/a/:first/b/:second',
      query: z.object({ n: z.coerce.number() }),
      body: z.object({ flag: z.boolean() }),
      handler: async ({ params, query, body, commit }) => {
        const texts: string = params.first + params.second;
        const n: number = query.n;
        const flag: boolean = body.flag;
        // @ts-expect-error the path has no such parameter
        void params.third;
        // @ts-expect-error the body has no such field
        void body.other;
        return commit(async () => ({ status: 200, body: { texts, n, flag } }));
      },
    });
    expect(route.params.safeParse({ first: 'x', second: 'y' }).success).to.equal(true);
    expect(route.params.safeParse({ first: 'x' }).success).to.equal(false);
  });

  it('provide no write operations to a reading route', () => {
    const route = defineRoute({
      method: 'get',
      path: '/a',
      handler: async (request) => {
        // @ts-expect-error nothing to commit
        void request.commit;
        // @ts-expect-error nothing to append to
        void request.store.append;
        return { status: 200 };
      },
    });
    expect(route.method).to.equal('get');
  });

  it('document the lag of the projections of a GET route, and its own headers', () => {
    const jobs = jobsProjection();
    const worker = shop.defineWorker({ name: 'worker', on: { 'job.begun': () => undefined } });
    const handler = async () => ({ status: 200 });
    const own = { 'X-Total': { description: 'How many there are', schema: z.int() } };
    const headersOf = (route: Route) => Object.keys(route.headers);
    const get = { method: 'get', path: '/a', handler } as const;
    expect(headersOf(defineRoute({ ...get, reads: [jobs, worker], headers: own }))).to.deep.equal([
      'Model-Position',
      'Model-Lag',
      'Model-Stopped',
      'X-Total',
    ]);
    expect(headersOf(defineRoute({ ...get, reads: [worker] }))).to.deep.equal([]);
    expect(headersOf(defineRoute({ ...get, method: 'post', reads: [jobs] }))).to.deep.equal([]);
    // @ts-expect-error a projection is read by its definition, not by its name
    expect(() => defineRoute({ ...get, reads: ['jobs'] })).to.throw();
  });
});

describe('the API server', () => {
  it('reports a port that is in use', async () => {
    const server = await serveApi((_req, res) => res.end(), { port: 0 });
    const error = await serveApi((_req, res) => res.end(), { port: server.port }).catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'EADDRINUSE', port: server.port });
    await server.close();
  });

  it('finishes requests in flight when it closes', async () => {
    let release = () => undefined as void;
    const inFlight = new Promise<void>((entered) => {
      void entered;
      release = entered;
    });
    let finish = () => undefined as void;
    const server = await serveApi(
      (_req, res) => {
        finish = () => void res.end('done');
        release();
      },
      { port: 0 },
    );
    const answer = fetch(server.url).then((response) => response.text());
    await inFlight;
    const closed = server.close();
    finish();
    expect(await answer).to.equal('done');
    await closed;
    expect(await fetch(server.url).catch(() => 'refused')).to.equal('refused');
  });
});
