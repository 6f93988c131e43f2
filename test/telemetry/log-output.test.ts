import { expect } from 'chai';
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { logOutput } from '../../src/telemetry/log-output.js';
import { cleanUp, testBroker } from '../support/rabbitmq.js';
import { eventually } from '../support/eventually.js';

const fixture = fileURLToPath(new URL('fixtures/logging-process.ts', import.meta.url));
const program = fileURLToPath(new URL('../../bin/flotilla', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A stream that continues after an error, like standard error. */
class Disk extends Writable {
  readonly lines: string[] = [];
  full = false;

  override _write(line: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (!this.full) this.lines.push(line.toString());
    done(this.full ? new Error('ENOSPC') : undefined);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    done(error);
    (this as unknown as { _undestroy(): void })._undestroy();
  }
}

describe('log lines that cannot be written', function () {
  this.timeout(180_000);

  it('are dropped and counted, and logging resumes when possible', async () => {
    const disk = new Disk();
    const missing: number[] = [];
    const output = logOutput(disk, (count) => missing.push(count));
    const write = async (line: string) => {
      output.write(line);
      await new Promise(setImmediate);
    };
    await write('first');
    disk.full = true;
    await write('second');
    await write('third');
    expect(missing).to.deep.equal([]);
    disk.full = false;
    await write('fourth');
    await write('fifth');
    expect(disk.lines).to.deep.equal(['first', 'fourth', 'fifth']);
    expect(missing).to.deep.equal([2]);
  });

  const survives = async (child: ChildProcess, begin: () => void) => {
    let latest = { n: 0, dropped: 0 };
    child.on('message', (message) => (latest = message as typeof latest));
    const exited = once(child, 'exit').then(([code]) => {
      throw new Error(`it ended with ${String(code)} after ${latest.n} rounds`);
    });
    const lives = async () => {
      await eventually(() => latest.n > 5);
      begin();
      const { n } = latest;
      await eventually(() => latest.dropped > 20 && latest.n > n + 20);
    };
    await Promise.race([lives(), exited]);
    exited.catch(() => undefined);
    child.disconnect();
    await once(child, 'exit');
  };

  it('do not end a process whose standard error is on a full disk', async () => {
    const full = openSync('/dev/full', 'w');
    const child = fork(fixture, { stdio: ['ignore', 'ignore', full, 'ipc'] });
    closeSync(full);
    await survives(child, () => undefined);
  });

  it('do not end a process after the reader of standard error has exited', async () => {
    const child = fork(fixture, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    child.stderr?.resume();
    await survives(child, () => child.stderr?.destroy());
  });

  it('do not end a fleet when standard error is full and the reader of standard output has exited', async () => {
    const { amqpUrl, managementUrl, prefix } = await testBroker();
    const data = await mkdtemp(join(tmpdir(), 'flotilla-logs-'));
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [program, 'up'], {
      cwd: root,
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        DATA_DIR: data,
        AMQP_URL: amqpUrl,
        AMQP_MANAGEMENT_URL: managementUrl,
        FLOTILLA_PREFIX: prefix,
        WORKERS: 'analytics',
        PORT: '0',
        SANDBOX_PORT: '0',
        SANDBOX_SMTP_PORT: '0',
        LOG_LEVEL: 'debug',
      },
      stdio: ['ignore', 'pipe', full],
    });
    closeSync(full);
    child.stdout?.destroy();
    try {
      const urls = await eventually(async () => {
        if (child.exitCode !== null) throw new Error(`up ended with ${child.exitCode}`);
        const files = await readdir(join(data, 'run')).catch(() => []);
        const records = await Promise.all(files.map((file) => readFile(join(data, 'run', file), 'utf8')));
        const found = records.map((record) => (JSON.parse(record) as { url: string }).url);
        return found.length >= 3 && found;
      });
      for (const url of urls) {
        await eventually(async () => (await fetch(new URL('/readyz', url))).ok);
        const metrics = await eventually(async () => (await fetch(new URL('/metrics', url))).text());
        expect(metrics).to.match(/^flotilla_log_lines_dropped_total [1-9]/m);
      }
      expect(child.exitCode).to.equal(null);
    } finally {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      await rm(data, { recursive: true, force: true });
      await cleanUp(prefix);
    }
  });
});
