import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import {
  defineFleet,
  event,
  baseCatalogue,
  catalogue,
  openStore,
  originContext,
  runApi,
  runKeeper,
  runWorkers,
} from 'flotilla';
import { defineRoute } from 'flotilla/http';
import { readProcesses } from '../../src/observability/processes/process-registry.js';
import { eventually } from '../support/eventually.js';
import { cleanUp, testBroker, type TestBroker } from '../support/rabbitmq.js';

const notes = catalogue(baseCatalogue, { 'note.written': event({ 1: z.object({ text: z.string() }) }) });

describe('parts of a fleet in a program', function () {
  this.timeout(120_000);
  let folder: string;
  let broker: TestBroker;
  let stop: AbortController;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-run-'));
    broker = await testBroker();
  });
  beforeEach(() => (stop = new AbortController()));
  after(async () => {
    await cleanUp(broker.prefix);
    await rm(folder, { recursive: true, force: true });
  });

  /** A fleet whose worker passes received events to the test; it requires a setting. */
  function fleetThat(reads: (text: string) => void) {
    const reader = notes.defineWorker({
      name: 'reader',
      settings: z.object({ suffix: z.string() }),
      setup: ({ settings }) => settings.suffix,
      on: { 'note.written': ({ data }, { use }) => reads(data.text + use) },
    });
    return defineFleet({ catalogue: notes, workers: [reader], api: { store: 'notes', routes: [] } });
  }
  const fleet = fleetThat(() => undefined);
  const options = () => ({
    signal: stop.signal,
    config: { ...broker, dataDir: join(folder, 'data'), drainTimeout: 10_000, logLevel: 'error' as const },
  });
  const end = () => stop.abort(new Error('the test ends'));
  const refusal = (part: Promise<unknown>) =>
    part.then(
      () => 'none',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
    );

  it('publishes events that a program appends to a store, and runs the workers that handle them', async () => {
    const read: string[] = [];
    const running = fleetThat((text) => void read.push(text));
    const outbox = openStore(running, 'notes', options());
    const workers = runWorkers(running, ['reader'], { ...options(), settings: { reader: { suffix: '!' } } });
    expect(workers.state().phase).to.equal('starting');
    const { store } = await outbox.ready;
    const context = originContext({ source: store.service, subject: 'note/1' });
    await store.append('note/1', 'none', [notes.create('note.written', { text: 'Hello' }, context)]);
    await eventually('the worker reads the note', () => read.length > 0);
    expect(read).to.deep.equal(['Hello!']);

    const { url } = await workers.ready;
    const { phase, checks } = workers.state();
    expect(phase).to.equal('ready');
    expect(checks).to.include.keys('broker', 'cluster', 'reader', 'store:reader', 'relay:reader');
    expect((await fetch(`${url}/readyz`)).status).to.equal(200);
    const [registered] = await readProcesses(join(folder, 'data', 'run'));
    expect(registered).to.include({ role: 'worker', url });

    end();
    await Promise.all([outbox, workers]);
    expect([outbox.state().phase, workers.state().phase]).to.deep.equal(['ended', 'ended']);
    expect(await readProcesses(join(folder, 'data', 'run'))).to.deep.equal([]);
  });

  it('serves the API, and stores dead letters', async () => {
    const api = runApi(fleet, { ...options(), config: { ...options().config, port: 0 } });
    const keeper = runKeeper(fleet, options());
    const { url = '' } = await api.ready;
    expect((await fetch(`${url}/livez`)).status).to.equal(200);
    await keeper.ready;
    expect(keeper.state().checks.broker?.ok).to.equal(true);
    end();
    await Promise.all([api, keeper]);
    expect(await readdir(join(folder, 'data'))).to.include.members(['notes.db', 'ops.db']);
    expect(await refusal(fetch(`${url}/livez`))).not.to.equal('none');
  });

  it('serves the routes of the optional parts that `config.with` names', async () => {
    const withParts = defineFleet({
      catalogue: notes,
      workers: [],
      optional: { extras: [] },
      api: {
        store: 'notes',
        settings: z.object({}),
        routes: (_, parts) =>
          parts.map((part) =>
            defineRoute({
              ...{ method: 'get', path: `/${part}`, operationId: part, tag: 'Parts', summary: `Read ${part}` },
              responses: { 200: z.object({}) },
              handler: () => Promise.resolve({ status: 200, body: {} }),
            }),
          ),
      },
    });
    const config = { ...options().config, port: 0, with: ['extras'] };
    const api = runApi(withParts, { ...options(), config });
    const { url } = await api.ready;
    expect((await fetch(`${url}/extras`)).status).to.equal(200);
    end();
    await api;
  });

  it('rejects with the reason when a part cannot start, after everything has ended', async () => {
    const workers = runWorkers(fleet, ['reader'], options());
    expect(await refusal(workers.ready)).to.equal('config.invalid');
    expect(await refusal(workers)).to.equal('config.invalid');
    expect(workers.state().phase).to.equal('ended');
    expect(() => runWorkers(fleet, ['raeder'], options()))
      .to.throw()
      .with.property('code', 'name.unknown');
  });

  it('requires a broker URL, and does not read the environment', async () => {
    process.env.AMQP_URL = broker.amqpUrl;
    try {
      const config = { dataDir: join(folder, 'elsewhere') };
      const outbox = openStore(fleet, 'notes', { signal: stop.signal, config });
      expect(await refusal(outbox.ready)).to.equal('broker.not_configured');
      expect(await refusal(outbox)).to.equal('broker.not_configured');
    } finally {
      delete process.env.AMQP_URL;
    }
  });

  it('requires a token beyond loopback', () => {
    const config = { ...options().config, host: '0.0.0.0' };
    expect(() => runApi(fleet, { ...options(), config })).to.throw(/API_TOKEN must be set/);
    expect(() => runKeeper(fleet, { ...options(), config })).to.throw(/METRICS_TOKEN or API_TOKEN must be set/);
  });

  it('ends cleanly when the signal aborts before it is ready', async () => {
    const config = { ...options().config, amqpUrl: 'amqp://127.0.0.1:1' };
    const workers = runWorkers(fleet, ['reader'], { ...options(), config, settings: { reader: { suffix: '' } } });
    end();
    await workers;
    expect(await refusal(workers.ready)).not.to.equal('none');
  });
});
