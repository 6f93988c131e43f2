import { expect } from 'chai';
import { gates, routes, runs } from '../support/routes.js';
import { startApi, temporaryFile, type Api } from '../support/start.js';
import { Idempotency, idempotencyMigrations } from '../../../src/api/idempotency/idempotency.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';

describe('idempotency of the API', () => {
  let file: Awaited<ReturnType<typeof temporaryFile>>;
  let api: Api;
  const create = (key: string, body: unknown = { text: 'one' }, on: Api = api) =>
    on.send('POST', '/notes', { body, headers: { 'idempotency-key': key } });

  beforeEach(async () => {
    file = await temporaryFile();
    api = await startApi(file.path, { routes });
    runs.count = 0;
  });
  afterEach(async () => {
    gates.hold = Promise.resolve();
    gates.entered = () => undefined;
    await api.close();
    await file.remove();
  });

  it('executes a repeated request once, and returns the same response', async () => {
    const first = await create('k1');
    const again = await create('k1');
    expect(first.status).to.equal(201);
    expect([again.status, again.text, again.headers.get('location')]).to.deep.equal([
      201,
      first.text,
      first.headers.get('location'),
    ]);
    expect(first.headers.has('idempotency-replayed')).to.equal(false);
    expect(again.headers.get('idempotency-replayed')).to.equal('true');
    expect(await api.store.head()).to.equal(1);
  });

  it('treats equivalent spellings of a path as the same request', async () => {
    const first = await create('k1');
    const id = String(first.body.id);
    const encoded = `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`;
    const headers = { 'idempotency-key': 'k2' };
    const paths = [`/notes/${id}/texts`, `/notes/${encoded}/texts`, `/notes/${id}/texts/`];
    const answers = [];
    for (const path of paths) answers.push(await api.send('POST', path, { body: { text: 'x' }, headers }));
    expect(answers.map(({ status, headers }) => [status, headers.get('idempotency-replayed')])).to.deep.equal([
      [200, null],
      [200, 'true'],
      [200, 'true'],
    ]);
    expect(await api.store.head()).to.equal(2);
  });

  it('distinguishes the same key of two resources, also where their decoded names are equal', async () => {
    const headers = { 'idempotency-key': 'k3' };
    for (const id of ['a%2Fclose', 'a', 'a%252Fclose']) {
      const { status, headers: sent } = await api.send('POST', `/notes/${id}/close`, { headers });
      expect([status, sent.get('idempotency-replayed')], id).to.deep.equal([204, null]);
    }
  });

  it('returns the stored response after a restart', async () => {
    const first = await create('k1');
    await api.close();
    api = await startApi(file.path, { routes });
    expect((await create('k1')).text).to.equal(first.text);
  });

  it('responds with 409 during the first request, 422 to a different body, and then the stored response', async () => {
    let release = () => undefined as void;
    gates.hold = new Promise((resolve) => (release = resolve));
    let entered = 0;
    const begun = new Promise<void>((resolve) => {
      gates.entered = () => {
        entered += 1;
        resolve();
      };
    });
    const first = create('k1');
    await begun;
    const retries = await Promise.all(['k1', '"k1"', 'k1'].map((key) => create(key)));
    for (const retry of retries) {
      expect([retry.status, retry.body.code]).to.deep.equal([409, 'idempotency.in_progress']);
      expect(retry.headers.get('retry-after')).to.equal('1');
    }
    const other = await create('k1', { text: 'two' });
    expect([other.status, other.body.code]).to.deep.equal([422, 'idempotency.key_reused']);
    release();
    expect((await first).status).to.equal(201);
    const again = await create('k1');
    expect([again.status, again.text]).to.deep.equal([201, (await first).text]);
    expect([entered, runs.count, await api.store.head()]).to.deep.equal([1, 1, 1]);
  });

  it('treats a quoted and an unquoted key as the same key', async () => {
    for (const [bare, quoted] of [
      ['k1', '"k1"'],
      ['a\\b', '"a\\\\b"'],
      ['8e03978e-40d5-43dd-bc93-6894a57f9324', '"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
    ] as const) {
      const first = await create(quoted);
      expect((await create(bare)).text).to.equal(first.text);
      expect((await create(quoted)).headers.get('idempotency-replayed')).to.equal('true');
    }
    expect((await create('"with space"')).status).to.equal(201);
    expect((await create('"with \\"quotes\\""')).status).to.equal(201);
    expect((await create(`"${'x'.repeat(255)}"`)).text).to.equal((await create('x'.repeat(255))).text);
  });

  it('executes a request once when several processes receive it at the same time', async () => {
    const others = [await startApi(file.path, { routes }), await startApi(file.path, { routes })];
    try {
      for (let round = 0; round < 10; round++) {
        const racers = [api, ...others];
        const answers = await Promise.all(racers.map((each) => create(`k${round}`, { text: 'one' }, each)));
        expect(new Set(answers.map(({ text }) => text)).size).to.equal(1);
        expect(answers.every(({ status }) => status === 201)).to.equal(true);
        expect(await api.store.head()).to.equal(round + 1);
      }
    } finally {
      for (const other of others) await other.close();
    }
  });

  it('returns the response of the process that committed first, although its own handler has started', async () => {
    const other = await startApi(file.path, { routes });
    try {
      let release = () => undefined as void;
      gates.hold = new Promise((resolve) => (release = resolve));
      const begun = new Promise<void>((resolve) => (gates.entered = resolve));
      const late = create('k1');
      await begun;
      gates.hold = Promise.resolve();
      const quick = await create('k1', { text: 'one' }, other);
      release();
      expect((await late).text).to.equal(quick.text);
      expect((await late).headers.get('idempotency-replayed')).to.equal('true');
      expect([runs.count, await api.store.head()]).to.deep.equal([1, 1]);
    } finally {
      await other.close();
    }
  });

  it('rejects a key with a different body', async () => {
    await create('k1');
    const other = await create('k1', { text: 'two' });
    expect([other.status, other.body.code]).to.deep.equal([422, 'idempotency.key_reused']);
    expect(await api.store.head()).to.equal(1);
  });

  it('distinguishes keys of different paths', async () => {
    const { body } = await create('k1');
    const headers = { 'idempotency-key': 'k1' };
    const added = await api.send('POST', `/notes/${body.id}/texts`, { body: { text: 'two' }, headers });
    expect([added.status, added.body.version]).to.deep.equal([200, 2]);
    expect((await api.send('POST', `/notes/${body.id}/close`, { headers })).status).to.equal(204);
    expect((await api.send('POST', `/notes/${body.id}/close`, { headers })).status).to.equal(204);
  });

  it('does not store failures, and rolls back their events', async () => {
    const broken = await create('k1', { text: 'broken' });
    expect(broken.status).to.equal(500);
    expect((await create('k2', { text: 'forbidden' })).status).to.equal(403);
    expect(await api.store.head()).to.equal(0);
    expect((await create('k1')).status).to.equal(201);
    expect((await create('k2')).status).to.equal(201);
  });

  it('rejects a malformed key', async () => {
    const long = 'x'.repeat(256);
    const quoted = ['""', '"', '"a', 'a"', '"a"b', '"a\\b"', '"a";v=1', '"a", "b"', '"\u00e9"', '"\t"'];
    for (const key of [long, `"${long}"`, 'with space', 'a, b', 'é', 'a"b', ...quoted]) {
      const answer = await create(key);
      expect([answer.status, answer.body.code]).to.deep.equal([400, 'idempotency.invalid_key']);
    }
  });

  it('executes each request without a key', async () => {
    const body = { text: 'one' };
    const answers = [await api.send('POST', '/notes', { body }), await api.send('POST', '/notes', { body })];
    expect(new Set(answers.map((each) => each.body.id)).size).to.equal(2);
  });

  it('does not store an error response, although its transaction was committed', async () => {
    const memory = new Idempotency(api.store, Date.now);
    const identity = { method: 'POST', path: '/notes', key: 'k1', bodyHash: '' };
    const answer = (status: number) => memory.answer(identity, (commit) => commit(async () => ({ status })));
    const statuses = [(await answer(409)).status, (await answer(201)).status, (await answer(409)).status];
    expect(statuses).to.deep.equal([409, 201, 201]);
  });

  it('commits once per request', async () => {
    const memory = new Idempotency(api.store, Date.now);
    const twice = memory.answer(undefined, async (commit) => {
      await commit(async () => ({ status: 200 }));
      return commit(async () => ({ status: 200 }));
    });
    expect(await twice.catch((error: unknown) => error)).to.match(/commits once/);
  });

  it('deletes expired responses in batches', async () => {
    const other = await temporaryFile();
    const store = await openSqliteStore({ service: 'core', path: other.path });
    try {
      await store.migrate('api', idempotencyMigrations);
      let now = 0;
      const memory = new Idempotency(store, () => now);
      const answer = (key: string) =>
        memory.answer({ method: 'POST', path: '/notes', key, bodyHash: '' }, (commit) =>
          commit(async () => ({ status: 201, body: { at: now } })),
        );
      await Promise.all(Array.from({ length: 1203 }, (_, i) => answer(`k${i}`)));
      now = 5000;
      await answer('young');
      expect(await memory.purge(5000)).to.equal(1203);
      expect(await memory.purge(5000)).to.equal(0);
      now = 6000;
      expect((await answer('young')).body).to.equal('{"at":5000}');
      expect((await answer('k0')).body).to.equal('{"at":6000}');
    } finally {
      await store.close();
      await other.remove();
    }
  });
});
