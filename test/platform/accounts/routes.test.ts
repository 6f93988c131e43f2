import { expect } from 'chai';
import { MAX_AMOUNT } from '../../../platform/fields.js';
import { routes } from '../../../platform/routes.js';
import { startApi, temporaryFile, type Answer, type Api } from '../../api/support/start.js';

const ada = { owner: 'Ada Lovelace', currency: 'USD' };

describe('platform: accounts over HTTP', () => {
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
  const openAccount = async (initialDeposit?: number) =>
    (await post('/accounts', { ...ada, ...(initialDeposit !== undefined && { initialDeposit }) })).body.id as string;
  const problem = ({ status, body }: Answer) => [status, body?.code];
  const shown = ({ status, body, headers }: Answer) => [status, body.balance, body.version, headers.get('etag')];

  it('opens an account, with and without a first deposit', async () => {
    const opened = await post('/accounts', { ...ada, initialDeposit: 500 });
    const { id } = opened.body;
    expect([opened.status, opened.headers.get('location'), opened.headers.get('etag')]).to.deep.equal([
      201,
      `/accounts/${id}`,
      '"1"',
    ]);
    expect(opened.body).to.deep.equal({ id, ...ada, balance: 500, version: 1 });
    expect((await get(`/accounts/${id}`)).body).to.deep.equal(opened.body);
    expect(shown(await get(`/accounts/${await openAccount()}`))).to.deep.equal([200, 0, 1, '"1"']);
  });

  it('moves money and returns the balance', async () => {
    const id = await openAccount(500);
    expect(shown(await post(`/accounts/${id}/deposits`, { amount: 250 }))).to.deep.equal([200, 750, 2, '"2"']);
    const withdrawn = await post(`/accounts/${id}/withdrawals`, { amount: 700 });
    expect(shown(withdrawn)).to.deep.equal([200, 50, 3, '"3"']);
    expect((await get(`/accounts/${id}`)).body).to.deep.equal(withdrawn.body);
  });

  it('rejects an overdraft, and a balance above the maximum', async () => {
    const id = await openAccount(500);
    expect(problem(await post(`/accounts/${id}/withdrawals`, { amount: 501 }))).to.deep.equal([
      409,
      'account.insufficient_funds',
    ]);
    expect(problem(await post(`/accounts/${id}/deposits`, { amount: MAX_AMOUNT }))).to.deep.equal([
      409,
      'account.balance_too_large',
    ]);
    expect(shown(await get(`/accounts/${id}`))).to.deep.equal([200, 500, 1, '"1"']);
  });

  it('responds with 404 for an account that was never opened', async () => {
    for (const answer of [
      await get('/accounts/nobody'),
      await get('/accounts/nobody/events'),
      await post('/accounts/nobody/deposits', { amount: 1 }),
      await post('/accounts/nobody/withdrawals', { amount: 1 }),
      await post('/accounts/nobody/deposits', { amount: 1 }, { 'if-match': '"1"' }),
      await post('/accounts/nobody/deposits', { amount: 1 }, { 'if-match': '*' }),
    ]) {
      expect(problem(answer)).to.deep.equal([404, 'account.not_found']);
    }
  });

  for (const amount of [-1, 0, 0.5, MAX_AMOUNT + 1, 1e300, '100', '1e3', null, true, [1], {}, undefined]) {
    it(`rejects the amount ${JSON.stringify(amount)}`, async () => {
      const id = await openAccount(500);
      for (const path of ['deposits', 'withdrawals']) {
        expect(problem(await post(`/accounts/${id}/${path}`, { amount }))).to.deep.equal([400, 'request.invalid']);
      }
      if (amount !== undefined) {
        expect(problem(await post('/accounts', { ...ada, initialDeposit: amount }))).to.deep.equal([
          400,
          'request.invalid',
        ]);
      }
      expect((await get(`/accounts/${id}`)).body).to.include({ balance: 500, version: 1 });
    });
  }

  for (const [what, text] of Object.entries({
    'a number that overflows': '{"amount":1e999}',
    'not a number': '{"amount":NaN}',
    'rounded as a double': '{"amount":9007199254740993}',
    'an object with an unknown field': '{"amount":1,"currency":"USD"}',
    'a list': '[{"amount":1}]',
    empty: '',
  })) {
    it(`rejects a deposit that is ${what}`, async () => {
      const id = await openAccount();
      const answer = await post(`/accounts/${id}/deposits`, text);
      expect(answer.status).to.equal(400);
      expect(answer.body.code).to.match(/^request\./);
      expect((await get(`/accounts/${id}`)).body.version).to.equal(1);
    });
  }

  for (const [what, body] of Object.entries({
    'no owner': { currency: 'USD' },
    'a blank owner': { ...ada, owner: '  ' },
    'an owner on two lines': { ...ada, owner: 'Ada\r\nEve' },
    'no currency': { owner: 'Ada' },
    'an invalid currency': { ...ada, currency: 'dollars' },
    'a balance': { ...ada, balance: 1_000_000 },
    'an id': { ...ada, id: 'mine' },
  })) {
    it(`rejects opening an account with ${what}`, async () => {
      expect(problem(await post('/accounts', body))).to.deep.equal([400, 'request.invalid']);
    });
  }

  it('deposits once for one Idempotency-Key, also concurrently', async () => {
    const id = await openAccount();
    const key = { 'idempotency-key': 'pay', 'if-match': '"1"' };
    const answers = await Promise.all([1, 2, 3].map(() => post(`/accounts/${id}/deposits`, { amount: 5 }, key)));
    const done = answers.filter(({ status }) => status === 200);
    expect(done).not.to.have.length(0);
    for (const answer of done) expect(shown(answer)).to.deep.equal([200, 5, 2, '"2"']);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expect(problem(answer)).to.deep.equal([409, 'idempotency.in_progress']);
    }
    await post(`/accounts/${id}/deposits`, { amount: 5 });
    const late = await post(`/accounts/${id}/deposits`, { amount: 5 }, key);
    expect([...shown(late), late.headers.get('idempotency-replayed')]).to.deep.equal([200, 5, 2, '"2"', 'true']);
    expect((await get(`/accounts/${id}`)).body).to.include({ balance: 10, version: 3 });
  });

  it('lists transactions in pages, without the name of the owner', async () => {
    const id = await openAccount(500);
    for (let n = 0; n < 4; n++) await post(`/accounts/${id}/deposits`, { amount: 10 + n });
    const whole = await get(`/accounts/${id}/events`);
    expect(whole.body.nextCursor).to.equal(null);
    expect(whole.body.items.map(({ version }: { version: number }) => version)).to.deep.equal([1, 2, 3, 4, 5]);
    expect(whole.body.items[0]).to.deep.include({
      type: 'account.opened',
      data: { accountId: id, currency: 'USD', initialDeposit: 500, balanceAfter: 500 },
    });
    expect(whole.body.items[4].data).to.deep.equal({ accountId: id, amount: 13, balanceAfter: 546 });
    expect(whole.text).not.to.contain('Lovelace');

    const items: unknown[] = [];
    let path = `/accounts/${id}/events?limit=2`;
    const sizes: number[] = [];
    for (let cursor: string | null = ''; cursor !== null; path = `/accounts/${id}/events?limit=2&cursor=${cursor}`) {
      const page = await get(path);
      items.push(...page.body.items);
      sizes.push(page.body.items.length);
      cursor = page.body.nextCursor;
    }
    expect(items).to.deep.equal(whole.body.items);
    expect(sizes).to.deep.equal([2, 2, 1]);
  });

  it('lists transactions within a time range', async () => {
    const id = await openAccount(500);
    const { time } = (await get(`/accounts/${id}/events`)).body.items[0];
    const later = new Date(Date.parse(time) + 1).toISOString();
    const count = async (query: string) => (await get(`/accounts/${id}/events?${query}`)).body.items.length as number;
    expect(await count(`since=${time}`)).to.equal(1);
    expect(await count(`since=${later}`)).to.equal(0);
    expect(await count(`until=${time}`)).to.equal(0);
    expect(await count(`since=${time}&until=${later}`)).to.equal(1);
  });

  it('rejects the cursor of another list and a range whose end precedes its start', async () => {
    const [one, other] = [await openAccount(1), await openAccount(1)];
    for (const id of [one, other]) await post(`/accounts/${id}/deposits`, { amount: 1 });
    const { nextCursor } = (await get(`/accounts/${one}/events?limit=1`)).body;
    const tampered = nextCursor.replace(/.$/, (last: string) => (last === 'A' ? 'B' : 'A'));
    const json = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const bad = [
      '',
      'x',
      '1',
      tampered,
      `${nextCursor}A`,
      json({ form: 1, at: { subject: `account/${one}`, after: 0 } }),
    ];
    for (const cursor of bad) {
      expect(problem(await get(`/accounts/${one}/events?cursor=${cursor}`)), cursor).to.deep.equal([
        400,
        'request.invalid',
      ]);
    }
    expect(problem(await get(`/accounts/${one}/events?cursor=${nextCursor}&cursor=${nextCursor}`))).to.deep.equal([
      400,
      'request.invalid',
    ]);
    expect(problem(await get(`/accounts/${other}/events?cursor=${nextCursor}`))).to.deep.equal([
      400,
      'request.invalid',
    ]);
    for (const query of [
      'since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z',
      'since=yesterday',
      'until=2026-02-30T00:00:00Z',
      'limit=0',
      'limit=501',
    ]) {
      expect(problem(await get(`/accounts/${one}/events?${query}`)), query).to.deep.equal([400, 'request.invalid']);
    }
  });

  it('loads an account with a long stream from its snapshot', async () => {
    const id = await openAccount();
    for (let n = 0; n < 100; n++) await post(`/accounts/${id}/deposits`, { amount: 1 });
    expect(await api.store.snapshot(`account/${id}`)).to.deep.include({ version: 100, shape: 1 });
    expect((await get(`/accounts/${id}`)).body).to.deep.equal({ id, ...ada, balance: 100, version: 101 });
  });
});
