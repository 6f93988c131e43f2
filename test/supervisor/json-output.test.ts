import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from 'amqplib';
import { expect } from 'chai';
import { namesFor } from '../../src/broker/topology/topology.js';
import { cleanUp, testBroker } from '../support/rabbitmq.js';
import { expectSafe, UNSAFE_TEXT } from '../support/unsafe-text.js';
import { eventually } from '../support/eventually.js';

const program = fileURLToPath(new URL('../../bin/flotilla', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

type Entry = Record<string, unknown>;

function entriesOf(output: string): Entry[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
}

/** Runs `up` with LOG_FORMAT=json; `output` contains everything that it and its processes printed. */
async function startUp(env: NodeJS.ProcessEnv) {
  const { amqpUrl, managementUrl, prefix } = await testBroker();
  const data = await mkdtemp(join(tmpdir(), 'flotilla-json-'));
  const child = spawn(process.execPath, [program, 'up'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      DATA_DIR: data,
      AMQP_URL: amqpUrl,
      AMQP_MANAGEMENT_URL: managementUrl,
      FLOTILLA_PREFIX: prefix,
      WORKERS: 'payment',
      PORT: '0',
      SANDBOX_PORT: '0',
      SANDBOX_SMTP_PORT: '0',
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'info',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (printed.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed.stderr += chunk.toString()));
  const closed = once(child, 'close');
  return {
    prefix,
    amqpUrl,
    printed,
    /** Lines of the process of that name. */
    url: (name: string) =>
      eventually(() => {
        if (child.exitCode !== null) throw new Error(`up ended: ${printed.stderr}`);
        const ready = entriesOf(printed.stderr.slice(0, printed.stderr.lastIndexOf('\n') + 1)).find(
          (entry) => entry.message === 'Ready' && entry['service.name'] === name,
        );
        return Promise.resolve(ready?.['url.full'] as string | undefined);
      }),
    async stop() {
      child.kill('SIGTERM');
      await closed;
      await rm(data, { recursive: true, force: true });
      await cleanUp(prefix);
    },
    closed,
  };
}

describe('up with LOG_FORMAT=json', function () {
  this.timeout(180_000);

  it('prints only JSON with OpenTelemetry names, including progress and the ready line', async () => {
    const fleet = await startUp({});
    let status: number | undefined;
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    try {
      const url = await fleet.url('api');
      await eventually(() => Promise.resolve(fleet.printed.stdout.includes('\n')));
      const answer = await fetch(`${url}/accounts/a1?secret=s1`, {
        headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` },
      });
      status = answer.status;
      await fetch(`${url}/none`);
      const connection = await connect(fleet.amqpUrl);
      const channel = await connection.createConfirmChannel();
      channel.sendToQueue(namesFor(fleet.prefix).queue('payment'), Buffer.from(UNSAFE_TEXT), {
        type: UNSAFE_TEXT,
        messageId: UNSAFE_TEXT,
        contentType: 'application/cloudevents+json',
      });
      await channel.waitForConfirms();
      await connection.close();
      await eventually(() => Promise.resolve(fleet.printed.stderr.includes('Stored a dead letter')));
    } finally {
      await fleet.stop();
    }
    const { stdout, stderr } = fleet.printed;
    expectSafe('up', stdout);
    expectSafe('up', stderr);
    const entries = entriesOf(stderr);
    const ready = entriesOf(stdout);
    expect(ready).to.have.length(1);
    expect(ready[0]).to.include({ message: 'Flotilla is running', 'service.name': 'supervisor', level: 'info' });
    for (const entry of [...ready, ...entries]) {
      expect(entry).to.include.all.keys('timestamp', 'level', 'message', 'service.name');
    }
    const messages = entries.map(({ message }) => message);
    expect(messages).to.include.members(['Starting 4 processes …']);
    expect(messages.some((message) => String(message).startsWith('Stopping:'))).to.equal(true);

    const requests = entries.filter(({ message }) => message === 'request');
    expect(requests.find((entry) => entry['url.path'] === '/accounts/a1')).to.include({
      trace_id: trace,
      span_id: '00f067aa0ba902b7',
      trace_flags: '01',
      'http.request.method': 'GET',
      'http.route': '/accounts/:id',
      'http.response.status_code': status,
    });
    expect(requests.find((entry) => entry['url.path'] === '/none')?.['trace_id']).to.match(/^[0-9a-f]{32}$/);
    expect(stderr).not.to.contain('secret=');
    // the keeper reports it as well, before or after the worker
    const refused = entries.filter((entry) => entry['error.type'] === 'contract.not_json');
    const dead = refused.find((entry) => entry['service.name'] === 'payment');
    expect(dead).to.include({ level: 'warn' });
    expect(dead?.['cloudevents.event_type']).to.equal(UNSAFE_TEXT);
  });

  it('prints a start failure as JSON, too', async () => {
    const fleet = await startUp({ PORT: 'none' });
    await fleet.closed;
    await fleet.stop();
    const entries = entriesOf(fleet.printed.stdout + fleet.printed.stderr);
    expect(entries).to.have.length(1);
    expect(entries[0]).to.include({ level: 'error', 'service.name': 'supervisor', 'error.type': 'config.invalid' });
  });
});
