import { expect } from 'chai';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { routes } from '../support/routes.js';
import { startApi, temporaryFile, type Answer, type Api } from '../support/start.js';

describe('problems of the API', () => {
  let file: Awaited<ReturnType<typeof temporaryFile>>;
  let api: Api;
  before(async () => {
    file = await temporaryFile();
    api = await startApi(file.path, { routes, limits: { requestTimeout: 100 } });
  });
  after(async () => {
    await api.close();
    await file.remove();
  });

  const expectProblem = (answer: Answer, status: number, code: string) => {
    expect([answer.status, answer.body?.code], answer.text).to.deep.equal([status, code]);
    expect(answer.headers.get('content-type')).to.equal('application/problem+json; charset=utf-8');
    expect(answer.body).to.include.keys('type', 'title', 'status', 'instance', 'correlationId');
    expect(answer.body.type).to.equal(`urn:flotilla:problem:${code}`);
    expect(answer.headers.get('x-correlation-id')).to.equal(answer.body.correlationId);
  };

  it('list invalid fields without their values', async () => {
    const body = { text: '', priority: -7.25, password: 'hunter2' };
    const answer = await api.send('POST', '/notes', { body });
    expectProblem(answer, 400, 'request.invalid');
    const errors = answer.body.errors as { in: string; path: string }[];
    expect(errors.map(({ path }) => path)).to.include.members(['text', 'priority']);
    expect(errors.every((each) => each.in === 'body')).to.equal(true);
    expect(answer.text).not.to.match(/hunter2|7\.25/);
    const many = await api.send('POST', '/notes', {
      body: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, i])),
    });
    expect(many.text.length).to.be.lessThan(10_000);
  });

  it('are returned for bodies that are not JSON, of another type, missing, too deep or too large', async () => {
    const post = (body: string | undefined, type = 'application/json') =>
      api.send('POST', '/notes', { body, headers: { 'content-type': type } });
    expectProblem(await post('{"text":'), 400, 'request.malformed_json');
    expectProblem(await post('[]'), 400, 'request.invalid');
    expectProblem(await post('"text"'), 400, 'request.invalid');
    expectProblem(await post('null'), 400, 'request.invalid');
    expectProblem(await post(undefined), 400, 'request.invalid');
    expectProblem(await post(''), 400, 'request.invalid');
    expectProblem(await post('['.repeat(20_000) + ']'.repeat(20_000)), 400, 'request.invalid');
    expectProblem(await post('['.repeat(20_000)), 400, 'request.malformed_json');
    expectProblem(await post('text=one', 'application/x-www-form-urlencoded'), 415, 'request.unsupported_media_type');
    expectProblem(await post('{"text":"x"}', 'text/plain'), 415, 'request.unsupported_media_type');
    expectProblem(
      await post('{"text":"x"}', 'application/json; charset=latin1'),
      415,
      'request.unsupported_media_type',
    );
    expectProblem(await post(JSON.stringify({ text: 'x'.repeat(256 * 1024) })), 413, 'request.too_large');
    expectProblem(await post(JSON.stringify({ text: 'x'.repeat(1024 * 1024) })), 413, 'request.too_large');
    expect((await post('{"text":"x"}', 'application/vnd.api+json; charset=utf-8')).status).to.equal(201);
  });

  it('are returned for a large chunked body without a content length', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
      const req = httpRequest(`${api.url}/notes`, { method: 'POST', headers }, (res) => {
        res.resume();
        resolve(res.statusCode);
      });
      req.on('error', reject);
      for (let i = 0; i < 40; i++) req.write('"'.padEnd(16 * 1024, 'x'));
      req.end();
    });
    expect(status).to.equal(413);
  });

  it('distinguish unknown routes from unsupported methods', async () => {
    expectProblem(await api.send('GET', '/nowhere'), 404, 'request.no_route');
    expectProblem(await api.send('GET', '/Notes'), 404, 'request.no_route');
    const wrong = await api.send('DELETE', '/notes');
    expectProblem(wrong, 405, 'request.method_not_allowed');
    expect(wrong.headers.get('allow')).to.equal('POST, GET, HEAD, OPTIONS');
    expectProblem(await api.send('POST', '/livez'), 405, 'request.method_not_allowed');
    expect((await api.send('OPTIONS', '/notes')).status).to.equal(204);
    expectProblem(await api.send('GET', '/notes/%zz'), 400, 'request.malformed');
    expectProblem(await api.send('GET', `/notes/${'x'.repeat(201)}`), 400, 'request.invalid');
  });

  it('list invalid path and query parameters; schemas parse valid ones', async () => {
    expect((await api.send('GET', '/notes?limit=5&unknown=1')).body.limit).to.equal(5);
    expect((await api.send('GET', '/notes')).body.limit).to.equal(20);
    const answer = await api.send('GET', '/notes?limit=1000');
    expectProblem(answer, 400, 'request.invalid');
    expect(answer.body.errors[0]).to.include({ in: 'query', path: 'limit' });
    const path = await api.send('POST', '/notes/7/texts', { body: { text: 'x' } });
    expect(path.body.errors[0]).to.include({ in: 'path', path: 'id' });
  });

  it('have the code of the error of a route or a decider', async () => {
    expectProblem(await api.send('GET', '/notes/none'), 404, 'note.not_found');
    expectProblem(await api.send('POST', '/notes', { body: { text: 'forbidden' } }), 403, 'note.forbidden');
    const { body } = await api.send('POST', '/notes', { body: { text: 'one' } });
    const add = () => api.send('POST', `/notes/${body.id}/texts`, { body: { text: 'x' } });
    expect((await add()).status).to.equal(200);
    const full = await add();
    expectProblem(full, 409, 'note.full');
    expect(full.body.detail).to.equal('A note takes two texts');
  });

  it('include additional members of a route, and always the standard members', async () => {
    const answer = await api.send('GET', '/teapot');
    expectProblem(answer, 418, 'tea.pot');
    expect(answer.body).to.include({ spout: 'short', status: 418, title: 'A teapot' });
  });

  it('are 412 for a stale If-Match and 409 for a conflict without one, both with the current version', async () => {
    const put = (ifMatch?: string) =>
      api.send('PUT', '/notes/n1', { headers: { ...(ifMatch !== undefined && { 'if-match': ifMatch }) } });
    for (const ifMatch of ['"4"', '*']) {
      const absent = await put(ifMatch);
      expectProblem(absent, 412, 'request.precondition_failed');
      expect([absent.body.currentVersion, absent.headers.get('etag')]).to.deep.equal([0, null]);
    }
    expect((await put()).headers.get('etag')).to.equal('"1"');
    const conflict = await put();
    expectProblem(conflict, 409, 'store.conflict');
    expect([conflict.body.currentVersion, conflict.headers.get('etag')]).to.deep.equal([1, '"1"']);
    const late = await put('"7"');
    expectProblem(late, 412, 'request.precondition_failed');
    expect([late.body.currentVersion, late.headers.get('etag')]).to.deep.equal([1, '"1"']);
    expect((await put('"1"')).body.version).to.equal(2);
    expect((await put('*')).body.version).to.equal(3);
    expectProblem(await put('1'), 400, 'request.malformed_if_match');
  });

  it('contain the path of any request as a valid URI reference without another host', async () => {
    const { hostname, port } = new URL(api.url);
    const hostile = [
      '/"<script>^`{|}\\',
      '/%',
      '/%zz/%4',
      '//evil.example/x',
      '///x',
      '/a b',
      '/notes/%zz',
      '/\u00e9\u00ff',
      `/${'é'.repeat(400)}`,
      `/${'%41'.repeat(400)}`,
      `/${'a'.repeat(498)}%41`,
      '/[::1]',
      '/..//..//x',
    ];
    for (const path of hostile) {
      const { status, body } = await rawGet(hostname, Number(port), path);
      if (body === undefined) {
        expect(status, path).to.equal(400); // the HTTP parser of Node.js rejects the request line
        continue;
      }
      const { instance } = JSON.parse(body) as { instance: string };
      expect(instance, path)
        .to.match(URI_PATH)
        .and.satisfy((text: string) => text.length <= 502);
      const resolved = new URL(instance, 'http://api.example/');
      expect(resolved.host, path).to.equal('api.example');
    }
  });

  it('do not contain internal errors, which are logged', async () => {
    const answer = await api.send('POST', '/notes', { body: { text: 'broken' } });
    expectProblem(answer, 500, 'internal');
    expect(answer.text).not.to.match(/hunter2|Error|\.ts/);
    const line = api.logs.find(
      ({ message, correlation }) => message === 'request failed' && correlation === answer.body.correlationId,
    );
    expect(JSON.stringify(line)).to.include('hunter2');
  });

  it('report a request timeout with 503', async () => {
    const answer = await api.send('GET', '/slow');
    expectProblem(answer, 503, 'request.timeout');
    expect(answer.headers.has('retry-after')).to.equal(true);
  });
});

/** A path-absolute or dot-segment path of RFC 3986 §3.3. */
const URI_PATH = /^\/(?!\/)(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;

/** Sends this request line unchanged; clients would encode it. */
function rawGet(host: string, port: number, path: string): Promise<{ status: number; body: string | undefined }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      socket.write(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`, 'latin1'));
    });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
      resolve({ status: Number(head.split(' ')[1]), body: body.startsWith('{') ? body : undefined });
    });
  });
}
