import { get } from 'node:http';
import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import express from 'express';
import { z } from 'zod';
import { createApi } from '../../src/api/app.js';
import { serveApi } from '../../src/api/server.js';
import { defineRoute } from '../../src/api/route.js';
import { FlotillaError } from '../../src/errors.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { createNote, getNote, routes } from './support/routes.js';
import { startApi, temporaryFile, type Api } from './support/start.js';

/** The status of a request with this Host header, which fetch cannot set. */
function statusFor(port: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/notes', headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject);
  });
}

// parts of an OpenAPI document
/* eslint-disable @typescript-eslint/no-explicit-any */
/** The component names that the parameters of an operation reference. */
const shared = ({ parameters }: any): string[] =>
  parameters.flatMap(({ $ref }: { $ref?: string }) => $ref?.split('/').at(-1) ?? []);

/** The problem codes of a response. */
const codes = ({ components }: any, response: any): string[] => {
  const { content } = response.content ? response : components.responses[response.$ref.split('/').at(-1)];
  const { schema } = content['application/problem+json'];
  return (schema.oneOf ?? [schema]).map(
    ({ $ref }: { $ref: string }) => components.schemas[$ref.split('/').at(-1) ?? ''].properties.code.const,
  );
};
/* eslint-enable @typescript-eslint/no-explicit-any */

describe('the API app', () => {
  let file: Awaited<ReturnType<typeof temporaryFile>>;
  const apis: Api[] = [];
  const start = async (options: Partial<Parameters<typeof startApi>[1]> = {}) => {
    const api = await startApi(file.path, { routes, ...options });
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
  const body = { text: 'one' };

  it('copies the correlation id and trace of a request to the event and the response', async () => {
    const api = await start();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const headers = { 'x-correlation-id': 'story-1', traceparent };
    const answer = await api.send('POST', '/notes', { body, headers });
    expect(answer.headers.get('x-correlation-id')).to.equal('story-1');
    expect(answer.headers.get('location')).to.equal(`/notes/${answer.body.id}`);
    const [stored] = await api.store.readAll(0);
    expect(stored?.event).to.include({ correlationid: 'story-1', traceparent, source: 'core' });
    expect(stored?.event.data).to.deep.equal(body);
  });

  it('generates a correlation id and trace where those of the request are malformed', async () => {
    const api = await start();
    const headers = { 'x-correlation-id': 'a b\t<script>', traceparent: 'garbage' };
    const answer = await api.send('POST', '/notes', { body, headers });
    const [stored] = await api.store.readAll(0);
    expect(stored?.correlationId)
      .to.equal(answer.headers.get('x-correlation-id'))
      .and.match(/^[0-9a-f-]{36}$/);
    expect(stored?.event.traceparent).to.match(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  it('without a token, rejects origins of other sites and hosts that are not loopback', async () => {
    const api = await start();
    const { port } = new URL(api.url);
    const foreign = await api.send('POST', '/notes', { body, headers: { origin: 'https://example.org' } });
    expect([foreign.status, foreign.body.code]).to.deep.equal([403, 'request.foreign']);
    expect(await statusFor(port, 'rebound.example.org')).to.equal(403);
    expect(await statusFor(port, `localhost:${port}`)).to.equal(200);
    expect(await api.store.head()).to.equal(0);
    const own = await api.send('POST', '/notes', { body, headers: { origin: api.url } });
    expect(own.status).to.equal(201);
  });

  it('allows configured origins with the token only', async () => {
    const origin = 'https://shop.example.org';
    const listed = defineRoute({
      method: 'get',
      path: '/listed',
      headers: { 'Model-Lag': { description: 'Events that may be missing', schema: z.int() } },
      handler: async () => ({ status: 200, body: {} }),
    });
    const api = await start({ token: 'correct-horse', corsOrigins: [origin], routes: [...routes, listed] });
    const preflightHeaders = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    const preflight = await api.send('OPTIONS', '/notes', { headers: { origin, ...preflightHeaders } });
    expect(preflight.status).to.equal(204);
    expect(preflight.headers.get('access-control-allow-origin')).to.equal(origin);
    expect(preflight.headers.get('access-control-allow-methods')).to.include('POST');
    expect(preflight.headers.get('access-control-allow-headers')).to.include('Authorization');
    expect(preflight.headers.get('vary')).to.include('Origin');
    const headers = { origin, authorization: 'Bearer correct-horse' };
    const created = await api.send('POST', '/notes', { body, headers });
    expect(created.status).to.equal(201);
    expect(created.headers.get('access-control-allow-origin')).to.equal(origin);
    expect(created.headers.get('access-control-expose-headers')).to.include('Location').and.include('Model-Lag');
    expect(created.headers.has('access-control-allow-credentials')).to.equal(false);
    expect((await api.send('GET', '/notes', { headers: { origin } })).status).to.equal(401);
    const refused = await api.send('GET', '/notes', { headers });
    expect(refused.status).to.equal(200);
    for (const other of ['https://shop.example.org.evil', 'http://shop.example.org', 'null']) {
      const answer = await api.send('OPTIONS', '/notes', { headers: { origin: other, ...preflightHeaders } });
      expect(answer.headers.has('access-control-allow-origin'), other).to.equal(false);
    }
  });

  it('allows no origin where none is configured', async () => {
    const api = await start({ token: 'correct-horse' });
    const headers = { origin: 'https://shop.example.org', 'access-control-request-method': 'GET' };
    const preflight = await api.send('OPTIONS', '/notes', { headers });
    expect([...preflight.headers.keys()].filter((name) => name.startsWith('access-control'))).to.deep.equal([]);
  });

  it('without a token, allows configured origins and no others', async () => {
    const api = await start({ corsOrigins: ['http://localhost:5173'] });
    expect((await api.send('GET', '/notes', { headers: { origin: 'http://localhost:5173' } })).status).to.equal(200);
    expect((await api.send('GET', '/notes', { headers: { origin: 'http://localhost:5174' } })).status).to.equal(403);
  });

  it('forbids caching, and responds with 304 to a matching If-None-Match', async () => {
    const versioned = defineRoute({
      method: 'get',
      path: '/versioned',
      versioned: true,
      handler: async () => ({ status: 200, body: {}, version: 3 }),
    });
    const api = await start({ routes: [...routes, versioned] });
    for (const path of ['/notes', '/nowhere', '/metrics', '/readyz']) {
      expect((await api.send('GET', path)).headers.get('cache-control'), path).to.equal('no-store');
    }
    const known = await api.send('GET', '/versioned', { headers: { 'if-none-match': '"3"' } });
    expect([known.status, known.headers.get('cache-control')]).to.deep.equal([304, 'no-store']);
  });

  it('sends HSTS only for a request over TLS through a trusted proxy', async () => {
    const forwarded = { headers: { 'x-forwarded-proto': 'https' } };
    const hsts = async (api: Api, options = {}) =>
      (await api.send('GET', '/notes', options)).headers.get('strict-transport-security');
    const untrusting = await start();
    expect(await hsts(untrusting)).to.equal(null);
    expect(await hsts(untrusting, forwarded)).to.equal(null);
    const trusting = await start({ trustedProxies: ['127.0.0.1'] });
    expect(await hsts(trusting)).to.equal(null);
    expect(await hsts(trusting, forwarded)).to.match(/^max-age=\d+/);
    const elsewhere = await start({ trustedProxies: ['10.0.0.0/8'] });
    expect(await hsts(elsewhere, forwarded)).to.equal(null);
  });

  it('serves only metrics for the metrics token', async () => {
    const api = await start({ token: 'correct-horse', metricsToken: 'battery-staple' });
    const headers = { authorization: 'Bearer battery-staple' };
    expect((await api.send('GET', '/metrics', { headers })).status).to.equal(200);
    expect((await api.send('GET', '/notes', { headers })).status).to.equal(401);
    expect((await api.send('GET', '/openapi.json', { headers })).status).to.equal(401);
    const all = { authorization: 'Bearer correct-horse' };
    expect((await api.send('GET', '/metrics', { headers: all })).status).to.equal(200);
  });

  it('rejects writes while the relay lags, and serves reads', async () => {
    let lagging = true;
    const api = await start({ relay: { lagging: () => lagging } });
    const refused = await api.send('POST', '/notes', { body });
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).to.deep.equal([
      503,
      'relay.lagging',
      '5',
    ]);
    expect((await api.send('GET', '/notes')).status).to.equal(200);
    lagging = false;
    expect((await api.send('POST', '/notes', { body })).status).to.equal(201);
  });

  it('requires the token for all paths except health checks', async () => {
    const api = await start({ token: 'correct-horse' });
    for (const path of ['/notes', '/metrics', '/openapi.json', '/nowhere']) {
      for (const authorization of ['', 'Bearer wrong', 'Bearer correct-horse-', 'Basic correct-horse', 'Bearer ']) {
        const answer = await api.send('GET', path, { headers: { authorization } });
        expect([answer.status, answer.body.code], path).to.deep.equal([401, 'request.unauthorized']);
        expect(answer.headers.get('www-authenticate')).to.match(
          path === '/openapi.json' ? /^Bearer, Basic / : /^Bearer$/,
        );
      }
    }
    const headers = { authorization: 'Bearer correct-horse' };
    expect((await api.send('GET', '/notes', { headers })).status).to.equal(200);
    expect((await api.send('POST', '/notes', { body, headers })).status).to.equal(201);
    expect((await api.send('GET', '/livez')).status).to.equal(200);
    expect((await api.send('GET', '/readyz')).status).to.equal(200);
  });

  it('is ready when all its checks pass, and reports failed checks', async () => {
    let broker = false;
    const api = await start({
      checks: {
        store: () => ({ ok: true }),
        broker: () => ({ ok: broker, detail: broker ? 'connected' : 'not connected' }),
        odd: async () => {
          if (!broker) throw new Error('secret');
          return { ok: true };
        },
      },
    });
    const not = await api.send('GET', '/readyz');
    expect([not.status, not.body]).to.deep.equal([
      503,
      {
        status: 'not_ready',
        checks: {
          store: { ok: true },
          broker: { ok: false, detail: 'not connected' },
          odd: { ok: false, detail: 'failed' },
        },
      },
    ]);
    expect((await api.send('GET', '/livez')).status).to.equal(200);
    broker = true;
    expect((await api.send('GET', '/readyz')).body.status).to.equal('ready');
    const faults = api.logs.filter(({ level }) => level === 'warn');
    expect(faults.map(({ message, check }) => [message, check])).to.deep.equal([
      ['health check failed', 'odd'],
      ['health check runs again', 'odd'],
    ]);
  });

  it('logs that expired replies cannot be deleted, and when they are deleted again', async () => {
    let now = Date.now();
    const api = await start({ clock: () => now });
    const faults = () => api.logs.filter(({ level }) => level === 'warn').map(({ message }) => message);
    Object.assign(api.store, { transaction: () => Promise.reject(new FlotillaError('store.full')) });
    await api.send('GET', '/notes');
    await eventually(() => faults().length > 0);
    Reflect.deleteProperty(api.store, 'transaction');
    now += 3_600_000;
    await api.send('GET', '/notes');
    await eventually(() => faults().length > 1);
    expect(faults()).to.deep.equal([
      'expired idempotency replies could not be deleted; retrying later',
      'expired idempotency replies are deleted again',
    ]);
  });

  it('logs each request without body or query, and measures it by route', async () => {
    const api = await start();
    await api.send('POST', '/notes', { body: { text: 'personal' }, headers: { 'x-correlation-id': 'c1' } });
    await api.send('GET', '/notes?author=personal');
    await api.send('GET', '/nowhere');
    await api.send('GET', '/livez');
    await api.send('POST', '/readyz/');
    await api.send('PROPFIND', '/elsewhere');
    const metrics = (await api.send('GET', '/metrics')).text;
    const counted = (method: string, route: string, status: number) =>
      `flotilla_http_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"} 1`;
    expect(metrics)
      .to.include(counted('POST', '/notes', 201))
      .and.include(counted('GET', 'unmatched', 404));
    expect(metrics)
      .to.include(counted('GET', '/livez', 200))
      .and.include(counted('POST', '/readyz', 405));
    expect(metrics)
      .to.include(counted('other', 'unmatched', 404))
      .and.not.include('PROPFIND');
    const lines = api.logs.filter(({ message, level }) => message === 'request' && level === 'info');
    expect(lines.map(({ method, path, status }) => [method, path, status])).to.deep.equal([
      ['POST', '/notes', 201],
      ['GET', '/notes', 200],
      ['GET', '/nowhere', 404],
      ['POST', '/readyz/', 405],
      ['PROPFIND', '/elsewhere', 404],
    ]);
    expect(lines[0]).to.include({ correlation: 'c1', route: '/notes' });
    for (const { traceparent } of lines) expect(traceparent).to.match(/^00-[0-9a-f]{32}-/);
    expect(JSON.stringify(api.logs)).not.to.include('personal');
  });

  it('sends security headers, and does not disclose its software', async () => {
    const { headers } = await (await start()).send('GET', '/notes');
    expect(headers.get('x-content-type-options')).to.equal('nosniff');
    expect(headers.has('content-security-policy')).to.equal(true);
    expect(headers.has('x-powered-by')).to.equal(false);
  });

  it('documents its routes with the schemas that validate them', async () => {
    const { body: document } = await (
      await start({ info: { title: 'Notes', version: '2' } })
    ).send('GET', '/openapi.json');
    expect(document).to.include({ openapi: '3.1.0' });
    expect(Object.keys(document.paths)).to.include.members(['/notes', '/notes/{id}', '/notes/{id}/texts']);
    const { post, get } = document.paths['/notes'];
    expect(post.summary).to.equal('Write a note');
    expect(post.requestBody.required).to.equal(true);
    expect(post.requestBody.content['application/json'].schema).to.deep.include({
      required: ['text'],
      additionalProperties: false,
    });
    const answered = post.responses['201'].content['application/json'].schema;
    expect(answered.properties).to.have.keys('id', 'text');
    expect(answered).not.to.have.property('additionalProperties');
    expect(post.responses['201'].headers).to.have.all.keys('X-Correlation-Id', 'Location', 'Idempotency-Replayed');
    expect(get.parameters[0]).to.deep.include({ name: 'limit', in: 'query', required: false });
    expect(document.paths['/notes/{id}'].get.parameters[0]).to.include({ name: 'id', in: 'path', required: true });
    const { teapot, put } = { teapot: document.paths['/teapot'].get, put: document.paths['/notes/{id}'].put };
    expect(shared(post)).to.deep.equal(['IdempotencyKey', 'CorrelationId', 'TraceParent']);
    expect(shared(put)).to.deep.equal(['IdempotencyKey', 'IfMatch', 'CorrelationId', 'TraceParent']);
    expect(shared(teapot)).to.deep.equal(['IfNoneMatch', 'IfMatch', 'CorrelationId', 'TraceParent']);
    expect(teapot.responses).to.include.keys('200', '304', '412', '418');
    expect(teapot.responses['304'].headers).to.have.all.keys('X-Correlation-Id', 'ETag');
    expect([post, teapot].map(({ operationId }) => operationId)).to.deep.equal(['postNotes', 'getTeapot']);
    expect(codes(document, post.responses['400'])).to.have.members([
      'request.malformed',
      'request.malformed_json',
      'request.invalid',
      'idempotency.invalid_key',
    ]);
    expect(codes(document, post.responses['403'])).to.have.members(['request.foreign', 'note.forbidden']);
    expect(codes(document, teapot.responses['418'])).to.deep.equal(['tea.pot']);
    expect(document.security).to.deep.equal([]);
    expect(document.components).not.to.have.property('securitySchemes');
  });

  it('documents its token, which health checks do not require', async () => {
    const api = await start({ token: 'correct-horse' });
    const headers = { authorization: 'Bearer correct-horse' };
    const { body: document } = await api.send('GET', '/openapi.json', { headers });
    expect(document.security).to.deep.equal([{ bearer: [] }]);
    expect(document.components.securitySchemes.bearer).to.include({ type: 'http', scheme: 'bearer' });
    expect(document.paths['/livez'].get.security).to.deep.equal([]);
    expect(document.paths['/metrics'].get).not.to.have.property('security');
    expect(codes(document, document.paths['/notes'].get.responses['401'])).to.deep.equal(['request.unauthorized']);
  });

  it('can be mounted below a path of another application, which its response paths include', async () => {
    const store = await openSqliteStore({ service: 'core', path: file.path });
    const app = await createApi({ store, routes, logger: silentLogger(), metrics: createMetrics(), authorized: true });
    const server = await serveApi(express().use('/notebook', app), { port: 0 });
    try {
      const headers = { 'Content-Type': 'application/json', Origin: 'https://example.org' };
      const created = await fetch(`${server.url}/notebook/notes`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      expect(created.status).to.equal(201);
      const location = created.headers.get('location') ?? '';
      expect(location).to.match(/^\/notebook\/notes\/./);
      expect((await fetch(`${server.url}${location}`)).status).to.equal(200);
      const missing = (await (await fetch(`${server.url}/notebook/nothing`)).json()) as object;
      expect(missing).to.include({ instance: '/notebook/nothing' });
    } finally {
      await server.close(0);
      await store.close();
    }
  });

  it('rejects duplicate routes with fleet.invalid', async () => {
    const store = await openSqliteStore({ service: 'core', path: file.path });
    try {
      const sameId = { ...getNote, path: '/other', operationId: createNote.operationId };
      for (const twice of [[createNote, createNote], [createNote, sameId], [{ ...getNote, path: '/livez' }]]) {
        const options = { store, routes: twice, logger: silentLogger(), metrics: createMetrics() };
        const error = await createApi(options).catch((thrown: unknown) => thrown);
        expect(error).to.be.instanceOf(FlotillaError).with.property('code', 'fleet.invalid');
      }
    } finally {
      await store.close();
    }
  });

  it('responds with 503 store.closed when its store is closed', async () => {
    const api = await start();
    await api.store.close();
    const answer = await api.send('POST', '/notes', { body });
    expect([answer.status, answer.body.code]).to.deep.equal([503, 'store.closed']);
    expect(answer.body).not.to.have.property('detail');
  });
});
