import type { AddressInfo } from 'node:net';
import express from 'express';
import { newId, originContext, runApi, runWorkers, type Config } from 'flotilla';
import { createHttpServer } from 'flotilla/http';
import fleet, { message, site } from './fleet.js';

export interface SiteOptions {
  port: number;
  /** Of the fleet: where broker and data are. */
  config: Partial<Config>;
  /** Stops the site in order. */
  signal: AbortSignal;
}

/** Starts a web site with routes of its own, the routes of the fleet below /fleet, and the worker of the fleet, all in this
 *  process. Resolves when requests are answered; `ended` settles when everything has stopped. */
export async function startSite({ port, config, signal }: SiteOptions) {
  const api = runApi(fleet, { config, signal, server: false });
  const workers = runWorkers(fleet, ['digest'], { config, signal });
  const parts = Promise.all([api, workers]);
  parts.catch(() => undefined); // `ended` reports it
  const { app: fleetApp, store } = await api.ready;

  const app = express();
  app.use('/fleet', fleetApp);
  app.get('/', (_req, res) => {
    res.json({ workers: workers.state().phase, api: api.state().phase });
  });
  app.post('/contact', express.json(), async (req, res) => {
    const { data, error } = message.safeParse(req.body);
    if (error !== undefined) {
      res.status(400).json({ error: error.message });
      return;
    }
    const subject = `message/${newId()}`;
    const received = site.create('message.received', data, originContext({ source: store.service, subject }));
    // durable here, and published by the relay as soon as the broker takes it
    await store.append(subject, 'none', [received]);
    res.status(202).json({ id: received.id });
  });

  const server = createHttpServer(app);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  signal.addEventListener('abort', () => server.close(), { once: true });
  const { port: bound } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${bound}`, ready: workers.ready, ended: parts };
}
