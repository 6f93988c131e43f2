import { request } from 'node:http';
import { expect } from 'chai';
import { routes } from '../../../platform/routes.js';
import { startApi, temporaryFile, type Answer, type Api } from '../../api/support/start.js';

describe('platform: account versions over HTTP', () => {
  let file: Awaited<ReturnType<typeof temporaryFile>>;
  let api: Api;
  before(async () => {
    file = await temporaryFile();
    api = await startApi(file.path, { routes: routes({ fulfilment: 'orchestrated' }) });
  });
  after(async () => {
    await api.close();
    await file.remove();
  });

  const post = (path: string, body?: unknown, headers?: Record<string, string>, on = api) =>
    on.send('POST', path, { body, headers });
  const get = (path: string, headers?: Record<string, string>) => api.send('GET', path, { headers });
  const openAccount = async () =>
    (await post('/accounts', { owner: 'Ada', currency: 'USD', initialDeposit: 500 })).body.id as string;
  const problem = ({ status, body }: Answer) => [status, body?.code];

  it('moves money only from the expected version, and returns the current one otherwise', async () => {
    const id = await openAccount();
    for (const path of ['deposits', 'withdrawals']) {
      const { version } = (await get(`/accounts/${id}`)).body;
      const at = (ifMatch: string) => post(`/accounts/${id}/${path}`, { amount: 10 }, { 'if-match': ifMatch });
      expect((await at(`"${version}"`)).body.version).to.equal(version + 1);
      for (const other of [version, 0, version + 2, 999_999_999_999_999]) {
        const conflict = await at(`"${other}"`);
        expect(problem(conflict)).to.deep.equal([412, 'request.precondition_failed']);
        expect([conflict.body.currentVersion, conflict.headers.get('etag')]).to.deep.equal([
          version + 1,
          `"${version + 1}"`,
        ]);
      }
      expect((await at('*')).body.version).to.equal(version + 2);
    }
    expect((await get(`/accounts/${id}`)).body).to.include({ balance: 500, version: 5 });
  });

  it('compares If-Match strongly with each tag of a list', async () => {
    const id = await openAccount();
    const at = (ifMatch: string) => post(`/accounts/${id}/deposits`, { amount: 1 }, { 'if-match': ifMatch });
    for (const ifMatch of ['W/"1"', 'W/"1", "7"', '"x"', '"01"', '"1.0"', '"1e0"', '"-1"', '""', '"2","3"', '"1,2"']) {
      const answer = await at(ifMatch);
      expect([ifMatch, ...problem(answer), answer.body.currentVersion]).to.deep.equal([
        ifMatch,
        412,
        'request.precondition_failed',
        1,
      ]);
    }
    expect((await at('"7", "1"')).body.version).to.equal(2);
    expect((await at(' , W/"2" ,, "2" ,')).body.version).to.equal(3);
  });

  it('responds with 404 for an unknown account, with any If-Match', async () => {
    for (const ifMatch of ['*', '"1"', '"0"']) {
      const answer = await post('/accounts/nothing/deposits', { amount: 1 }, { 'if-match': ifMatch });
      expect(problem(answer), ifMatch).to.deep.equal([404, 'account.not_found']);
      expect(problem(await get('/accounts/nothing', { 'if-match': ifMatch }))).to.deep.equal([
        404,
        'account.not_found',
      ]);
    }
  });

  it('accepts only the version that If-Match names', async () => {
    const id = await openAccount();
    expect((await get(`/accounts/${id}`, { 'if-match': '"0", "1"' })).status).to.equal(200);
    expect((await get(`/accounts/${id}`, { 'if-match': '*' })).status).to.equal(200);
    for (const ifMatch of ['"2"', 'W/"1"']) {
      const answer = await get(`/accounts/${id}`, { 'if-match': ifMatch });
      expect([...problem(answer), answer.headers.get('etag')]).to.deep.equal([
        412,
        'request.precondition_failed',
        '"1"',
      ]);
    }
    expect(problem(await get(`/accounts/${id}`, { 'if-match': '1' }))).to.deep.equal([
      400,
      'request.malformed_if_match',
    ]);
  });

  it('checks the version before the balance, because the client decided on an outdated balance', async () => {
    const id = await openAccount();
    await post(`/accounts/${id}/withdrawals`, { amount: 500 });
    const late = await post(`/accounts/${id}/withdrawals`, { amount: 500 }, { 'if-match': '"1"' });
    expect([...problem(late), late.body.currentVersion]).to.deep.equal([412, 'request.precondition_failed', 2]);
  });

  for (const ifMatch of ['1', '"1', '1"', '"1" "2"', 'w/"1"', 'W/ "1"', '*, "1"', ',', '"1\u00ff', '"1";"2"']) {
    it(`rejects a malformed If-Match: ${ifMatch}`, async () => {
      const id = await openAccount();
      const answer = await post(`/accounts/${id}/deposits`, { amount: 1 }, { 'if-match': ifMatch });
      expect(problem(answer)).to.deep.equal([400, 'request.malformed_if_match']);
      expect((await get(`/accounts/${id}`)).body.version).to.equal(1);
    });
  }

  it('lets exactly one of two concurrent requests with the same version win', async () => {
    const id = await openAccount();
    for (let version = 1; version <= 20; version++) {
      const headers = { 'if-match': `"${version}"` };
      const racers = [1, 2].map(() => post(`/accounts/${id}/deposits`, { amount: 1 }, headers));
      await expectOneWinner(await Promise.all(racers), version);
    }
    expect((await get(`/accounts/${id}`)).body).to.include({ balance: 520, version: 21 });
  });

  it('lets exactly one win with two APIs on one store, without affecting other accounts', async () => {
    const other = await startApi(file.path, { routes: routes({ fulfilment: 'orchestrated' }) });
    try {
      const id = await openAccount();
      const neighbour = await openAccount();
      for (let version = 1; version <= 20; version++) {
        const headers = { 'if-match': `"${version}"` };
        const racers = [api, other, api, other].map((on) =>
          post(`/accounts/${id}/deposits`, { amount: 1 }, headers, on),
        );
        const neighbours = [api, other].map((on) => post(`/accounts/${neighbour}/deposits`, { amount: 1 }, {}, on));
        await expectOneWinner(await Promise.all(racers), version);
        expect((await Promise.all(neighbours)).map(({ status }) => status)).to.deep.equal([200, 200]);
      }
      expect((await get(`/accounts/${id}`)).body).to.include({ balance: 520, version: 21 });
      expect((await get(`/accounts/${neighbour}`)).body).to.include({ balance: 540, version: 41 });
    } finally {
      await other.close();
    }
  });

  async function expectOneWinner(answers: Answer[], version: number) {
    const won = answers.filter(({ status }) => status === 200);
    expect(won.map(({ body }) => body.version)).to.deep.equal([version + 1]);
    for (const lost of answers.filter((answer) => !won.includes(answer))) {
      expect([...problem(lost), lost.body.currentVersion, lost.headers.get('etag')]).to.deep.equal([
        412,
        'request.precondition_failed',
        version + 1,
        `"${version + 1}"`,
      ]);
    }
  }

  it('executes a request once that several APIs receive under one key, and returns the same response', async () => {
    const other = await startApi(file.path, { routes: routes({ fulfilment: 'orchestrated' }) });
    try {
      const id = await openAccount();
      for (let version = 1; version <= 10; version++) {
        const headers = { 'if-match': `"${version}"`, 'idempotency-key': `${id}-${version}` };
        const answers = await Promise.all(
          [api, other, api, other].map((on) => post(`/accounts/${id}/deposits`, { amount: 1 }, headers, on)),
        );
        answers.push(await post(`/accounts/${id}/deposits`, { amount: 1 }, headers, other));
        const done = answers.filter(({ status }) => status === 200);
        for (const answer of answers.filter(({ status }) => status !== 200)) {
          expect(problem(answer)).to.deep.equal([409, 'idempotency.in_progress']);
        }
        for (const answer of done) {
          expect([answer.status, answer.body.version, answer.headers.get('etag')]).to.deep.equal([
            200,
            version + 1,
            `"${version + 1}"`,
          ]);
        }
        const first = done.filter((answer) => answer.headers.get('idempotency-replayed') === null);
        expect(first).to.have.length(1);
      }
      expect((await get(`/accounts/${id}`)).body).to.include({ balance: 510, version: 11 });
    } finally {
      await other.close();
    }
  });

  it('responds with 304 for a current ETag, and in full after a change', async () => {
    const id = await openAccount();
    const statusFor = (tag: string) => status(`${api.url}/accounts/${id}`, { 'if-none-match': tag });
    for (const tag of ['"1"', 'W/"1"', '"0", "1"', '"a,b",W/"1"', ',"1",', '*']) {
      expect(await statusFor(tag), tag).to.equal(304);
      const fetched = await get(`/accounts/${id}`, { 'if-none-match': tag }); // adds Cache-Control: no-cache
      expect([fetched.status, fetched.text, fetched.headers.get('etag')]).to.deep.equal([304, '', '"1"']);
    }
    for (const tag of ['"2"', '"11"', '1', '"1', '"a,"1""', '*, "2"']) expect(await statusFor(tag), tag).to.equal(200);
    await post(`/accounts/${id}/deposits`, { amount: 1 });
    expect(await statusFor('"1"')).to.equal(200);
    expect(await statusFor('"2"')).to.equal(304);
  });
});

/** Sends a request without the headers that `fetch` adds. */
function status(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });
}
