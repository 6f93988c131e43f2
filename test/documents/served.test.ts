import { expect } from 'chai';
import express from 'express';
import { z } from 'zod';
import { baseCatalogue, catalogue, defineFleet, event } from 'flotilla';
import { createApi, defineRoute, serveApi } from 'flotilla/http';
import { fleetDocuments } from '../../src/documents/fleet-documents.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { startApi, temporaryFile, type Api } from '../api/support/start.js';

const types = catalogue(baseCatalogue, {
  'book.lent': event(
    { 1: z.strictObject({ title: z.string() }), 2: z.strictObject({ title: z.string(), days: z.int() }) },
    { 1: ({ title }) => ({ title, days: 14 }) },
  ),
});
const fleet = defineFleet({ catalogue: types, workers: [], api: { store: 'core', routes: [] } });
const documents = fleetDocuments(fleet, {
  info: { title: 'Library', version: '1' },
  prefix: '',
  root: '/nowhere',
  logger: silentLogger(),
});

describe('the documents of an API', () => {
  let file: Awaited<ReturnType<typeof temporaryFile>>;
  const apis: Api[] = [];
  const start = async (options: Partial<Parameters<typeof startApi>[1]> = {}) => {
    const api = await startApi(file.path, { routes: [], documents, ...options });
    apis.push(api);
    return api;
  };
  beforeEach(async () => {
    file = await temporaryFile();
  });
  afterEach(async () => {
    for (const api of apis.splice(0)) await api.close();
    await file.remove();
  });

  it('include the JSON Schema of each version, which caches may store for an hour', async () => {
    const api = await start();
    const answer = await api.send('GET', '/schemas/book.lent/1');
    expect(answer.status).to.equal(200);
    expect(answer.headers.get('content-type')).to.equal('application/schema+json; charset=utf-8');
    expect(answer.headers.get('cache-control')).to.equal('public, max-age=3600, immutable');
    expect(answer.body).to.include({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'urn:flotilla:book.lent:1',
      'x-kind': 'event',
    });
    expect(answer.body.required).to.deep.equal(['title']);
    expect((await api.send('GET', '/schemas/book.lent/2')).body.required).to.deep.equal(['title', 'days']);
  });

  it('have a strong ETag, and are answered with 304 to a client that has them', async () => {
    const api = await start();
    for (const path of ['/schemas/book.lent/1', '/schemas', '/asyncapi.json', '/openapi.json']) {
      const etag = (await api.send('GET', path)).headers.get('etag') ?? '';
      expect(etag, path).to.match(/^"[\w-]{22}"$/);
      const again = await api.send('GET', path, { headers: { 'if-none-match': `"other", W/${etag}` } });
      expect([again.status, again.text, again.headers.get('etag')], path).to.deep.equal([304, '', etag]);
      expect(again.headers.get('cache-control'), path).to.match(/^public, /);
      const head = await api.send('HEAD', path);
      expect([head.status, head.text, head.headers.get('etag')], path).to.deep.equal([200, '', etag]);
      expect((await api.send('GET', path, { headers: { 'if-none-match': '"other"' } })).status, path).to.equal(200);
    }
  });

  it('list every type and version with the path of its schema', async () => {
    const api = await start();
    const { items } = (await api.send('GET', '/schemas')).body;
    const expected = Object.entries(types.definitions).flatMap(([type, { versions }]) =>
      Object.keys(versions).map((version) => `/schemas/${type}/${version}`),
    );
    expect(items.map(({ href }: { href: string }) => href)).to.have.members(expected);
    for (const { href, dataschema } of items) expect((await api.send('GET', href)).body.$id).to.equal(dataschema);
  });

  it('are 404 schema.not_found for an unknown type or version', async () => {
    const api = await start();
    const paths = ['book.lost/1', 'book.lent/3', 'book.lent/0', 'book.lent/01', 'book.lent/latest', 'constructor/1'];
    for (const path of [...paths, '__proto__/1', '%3Cscript%3E/1']) {
      const { status, body, headers } = await api.send('GET', `/schemas/${path}`);
      expect([status, body.code], path).to.deep.equal([404, 'schema.not_found']);
      expect(headers.get('cache-control'), path).to.equal('no-store');
    }
    expect((await api.send('GET', '/schemas/book.lent/3')).body.detail).to.equal(
      'book.lent has no such version; it has 1, 2',
    );
    expect((await api.send('GET', '/schemas/%E0/1')).body.code).to.equal('request.malformed');
  });

  it('refuse other methods, and have their paths as labels in metrics', async () => {
    const api = await start();
    const refused = await api.send('POST', '/schemas/book.lent/1');
    expect([refused.status, refused.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD, OPTIONS']);
    await api.send('GET', '/schemas/book.lent/1');
    expect((await api.send('GET', '/metrics')).text).to.include('route="/schemas/:type/:version",status="200"');
  });

  it('need the token of an API that has one, which a browser sends as a password', async () => {
    const api = await start({ token: 'correct-horse', metricsToken: 'battery-staple' });
    const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`;
    for (const path of ['/openapi.json', '/asyncapi.json', '/schemas', '/schemas/book.lent/1']) {
      const status = async (authorization: string) =>
        (await api.send('GET', path, { headers: { authorization } })).status;
      for (const refused of ['', 'Bearer wrong', basic('ada:wrong'), basic('correct-horse:'), 'Basic !', 'Basic']) {
        expect(await status(refused), `${path} ${refused}`).to.equal(401);
      }
      expect(await status('Bearer battery-staple'), path).to.equal(401);
      for (const accepted of ['Bearer correct-horse', basic(':correct-horse'), basic('ada:correct-horse')]) {
        expect(await status(accepted), `${path} ${accepted}`).to.equal(200);
      }
    }
    const headers = { authorization: basic(':correct-horse') };
    const { headers: answered } = await api.send('GET', '/schemas/book.lent/1', { headers });
    expect(answered.get('cache-control')).to.equal('private, max-age=3600, immutable');
    const challenge = (await api.send('GET', '/schemas')).headers.get('www-authenticate');
    expect(challenge).to.match(/^Bearer, Basic realm="[^"]+", charset="UTF-8"$/);
    expect((await api.send('GET', '/nothing', { headers })).status, 'a route').to.equal(401);
  });

  it('refuse other sites and hosts without a token', async () => {
    const api = await start();
    const foreign = await api.send('GET', '/schemas', { headers: { origin: 'https://example.org' } });
    expect([foreign.status, foreign.body.code]).to.deep.equal([403, 'request.foreign']);
  });

  it('load nothing, and appear in no frame', async () => {
    const { headers } = await (await start()).send('GET', '/asyncapi.json');
    expect(headers.get('content-security-policy')).to.equal(
      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
  });

  it('are described in the OpenAPI document', async () => {
    const { paths, components } = (await (await start()).send('GET', '/openapi.json')).body;
    expect(paths).to.include.keys('/asyncapi.json', '/schemas', '/schemas/{type}/{version}', '/openapi.json');
    const { parameters, responses } = paths['/schemas/{type}/{version}'].get;
    expect(parameters.map(({ name }: { name?: string }) => name)).to.deep.equal(['type', 'version', undefined]);
    expect(responses['200'].content).to.have.keys('application/schema+json');
    expect(responses).to.have.keys('200', '304', '400', '403', '404', '500');
    expect(components.schemas).to.include.keys('MessageSchemaList', 'MessageSchemaEntry', 'SchemaNotFoundProblem');
  });

  it('name paths below the path where the API is mounted', async () => {
    const store = await openSqliteStore({ service: 'core', path: file.path });
    const options = { store, routes: [], documents, logger: silentLogger(), metrics: createMetrics() };
    const app = await createApi({ ...options, authorized: true });
    const server = await serveApi(express().use('/fleet', app), { port: 0 });
    try {
      const answer = await fetch(`${server.url}/fleet/schemas`);
      expect(answer.headers.get('cache-control'), 'another application authorizes').to.match(/^private, /);
      const { items } = (await answer.json()) as { items: { href: string }[] };
      for (const { href } of items) expect((await fetch(server.url + href)).status, href).to.equal(200);
    } finally {
      await server.close(0);
      await store.close();
    }
  });

  it('refuse a route with the path of a document', async () => {
    const route = defineRoute({ method: 'post', path: '/schemas', handler: async () => ({ status: 204 }) });
    const error = await start({ routes: [route] }).catch((thrown: unknown) => thrown);
    expect(error).to.have.property('code', 'fleet.invalid');
    expect(error).to.have.property('message').that.includes('documents: false');
    expect((await (await start({ routes: [route], documents: [] })).send('POST', '/schemas')).status).to.equal(204);
  });
});
