import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import winston from 'winston';
import { createApi, type ApiOptions } from '../../../src/api/app.js';
import { serveApi } from '../../../src/api/server.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import type { Store } from '../../../src/store/store.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // parsed responses of any shape
  body: any; // eslint-disable-line @typescript-eslint/no-explicit-any
}

export interface Api {
  url: string;
  store: Store;
  logs: Record<string, unknown>[];
  send(method: string, path: string, options?: { body?: unknown; headers?: Record<string, string> }): Promise<Answer>;
  close(): Promise<void>;
}

/** A store file that several APIs may share, as several processes do. */
export async function temporaryFile() {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-api-'));
  return { path: join(directory, 'core.db'), remove: () => rm(directory, { recursive: true, force: true }) };
}

export async function startApi(
  path: string,
  options: Omit<ApiOptions, 'store' | 'logger' | 'metrics'> & Partial<Pick<ApiOptions, 'metrics'>>,
): Promise<Api> {
  const logs: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(line: Buffer, _encoding, done) {
      logs.push(JSON.parse(line.toString()) as Record<string, unknown>);
      done();
    },
  });
  const format = winston.format.combine(winston.format.errors({ stack: true }), winston.format.json());
  const logger = winston.createLogger({
    level: 'debug',
    format,
    transports: [new winston.transports.Stream({ stream })],
  });
  const store = await openSqliteStore({ service: 'core', path });
  const app = await createApi({ store, logger, metrics: createMetrics(), ...options });
  const server = await serveApi(app, { port: 0 });
  // less processor time than fetch, for thousands of requests
  const agent = new Agent({ keepAlive: true });
  return {
    url: server.url,
    store,
    logs,
    async send(method, route, { body, headers } = {}) {
      const sending = request(new URL(`${server.url}${route}`), {
        method,
        agent,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      });
      sending.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
      const [response] = (await once(sending, 'response')) as [IncomingMessage];
      const content = await text(response);
      const received = new Headers(
        Object.entries(response.headersDistinct).flatMap(([name, values = []]) =>
          values.map((value): [string, string] => [name, value]),
        ),
      );
      const json = received.get('content-type')?.includes('json') === true && content !== '';
      const { statusCode: status = 0 } = response;
      return { status, headers: received, text: content, body: json ? JSON.parse(content) : undefined };
    },
    async close() {
      agent.destroy();
      await server.close(0);
      await store.close();
    },
  };
}
