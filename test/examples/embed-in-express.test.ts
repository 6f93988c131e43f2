import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startSite } from '../../examples/embed-in-express/site.js';
import { cleanUp, testBroker, type TestBroker } from '../support/rabbitmq.js';
import { eventually } from '../support/eventually.js';

describe('the example embed-in-express', function () {
  this.timeout(120_000);
  let folder: string;
  let broker: TestBroker;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-embed-'));
    broker = await testBroker();
  });
  after(async () => {
    await cleanUp(broker.prefix);
    await rm(folder, { recursive: true, force: true });
  });

  const start = (signal: AbortSignal) =>
    startSite({
      port: 0,
      config: { ...broker, dataDir: join(folder, 'data'), drainTimeout: 10_000, logLevel: 'error' },
      signal,
    });
  const post = (url: string, body: unknown) =>
    fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const topics = async (url: string) =>
    ((await (await fetch(`${url}/fleet/topics`)).json()) as { items: unknown }).items;

  it('delivers events of its own route to a worker in the same process, and serves the API below /fleet', async () => {
    const stop = new AbortController();
    const site = await start(stop.signal);
    const answer = await post(`${site.url}/contact`, { topic: 'prices', text: 'Hello' });
    expect(answer.status).to.equal(202);
    expect((await post(`${site.url}/contact`, { topic: 'prices' })).status).to.equal(400);
    await eventually('the worker counts the message', async () =>
      expect(await topics(site.url)).to.deep.equal([{ topic: 'prices', messages: 1 }]),
    );
    await site.ready;
    expect(await (await fetch(site.url)).json()).to.deep.equal({ workers: 'ready', api: 'ready' });

    const { servers, paths } = (await (await fetch(`${site.url}/fleet/openapi.json`)).json()) as Record<string, object>;
    expect(servers).to.deep.equal([{ url: '/fleet' }]);
    expect(paths).to.have.property('/topics');
    const missing = await fetch(`${site.url}/fleet/nothing`);
    expect(missing.headers.get('content-type')).to.contain('application/problem+json');
    expect(await missing.json()).to.include({ code: 'request.no_route', instance: '/fleet/nothing' });

    stop.abort(new Error('the test ends'));
    await site.ended;
    const closed = await fetch(site.url).catch(() => 'closed');
    expect(closed).to.equal('closed');
  });

  it('publishes appended events before it ends, and a later run continues with the same store', async () => {
    const first = new AbortController();
    const site = await start(first.signal);
    await site.ready;
    await post(`${site.url}/contact`, { topic: 'orders', text: 'One' });
    first.abort(new Error('the test stops it'));
    await site.ended;

    const second = new AbortController();
    const again = await start(second.signal);
    await eventually('the worker counts the message of the first run', async () =>
      expect(await topics(again.url)).to.deep.equal([
        { topic: 'orders', messages: 1 },
        { topic: 'prices', messages: 1 },
      ]),
    );
    second.abort(new Error('the test ends'));
    await again.ended;
  });
});
