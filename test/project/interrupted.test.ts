import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { layoutOf } from '../../src/supervisor/broker/rabbitmq-node/layout.js';
import { eventually } from '../support/eventually.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const PID_FILE = basename(layoutOf('').pidFile);

/** A program of this checkout that starts a RabbitMQ node of its own, with all its temporary files in one folder. */
async function startProgram(args: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-interrupted-'));
  const own = { TMPDIR: folder, FLOTILLA_TEST_AMQP_URL: undefined, FLOTILLA_TEST_MANAGEMENT_URL: undefined };
  const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, ...own } });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  return {
    child,
    ended,
    output: () => output,
    /** The process id of the node, as soon as its Erlang VM has started. */
    async pid(): Promise<number> {
      const pidFile = await eventually('the pid file of the node', async () => {
        if (child.exitCode !== null) throw new Error(output);
        const files = await readdir(folder, { recursive: true });
        return files.find((file) => basename(file) === PID_FILE);
      });
      return eventually('the process id in the file', async () => {
        const pid = Number(await readFile(join(folder, pidFile), 'utf8'));
        return pid > 0 && pid;
      });
    },
    left: () => readdir(folder),
    async remove() {
      child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describe('an interrupted program', function () {
  this.timeout(120_000);
  let program: Awaited<ReturnType<typeof startProgram>> | undefined;
  afterEach(() => program?.remove());

  async function expectNothingLeft(signal: NodeJS.Signals, code: number) {
    const pid = await program?.pid();
    program?.child.kill(signal);
    expect(await program?.ended, program?.output()).to.equal(code);
    expect(existsSync(`/proc/${pid}`)).to.equal(false);
    expect(await program?.left()).to.deep.equal([]);
  }

  it('npm test stops its broker and removes its files', async () => {
    program = await startProgram(['scripts/test.mjs', 'test/project/fixtures/waiting.ts']);
    await eventually('the broker has started', () => program?.output().includes('the broker has started'));
    await expectNothingLeft('SIGTERM', 143);
  });

  it('npm test ends a broker that is starting', async () => {
    program = await startProgram(['scripts/test.mjs', 'test/project/fixtures/waiting.ts']);
    await expectNothingLeft('SIGINT', 130);
  });

  it('npm test of everything ends a broker that is starting', async () => {
    program = await startProgram(['scripts/test.mjs']);
    await expectNothingLeft('SIGTERM', 143);
  });

  it('npm run bench ends a broker that is starting', async () => {
    program = await startProgram(['scripts/program.mjs', 'bench/main.ts', 'relay']);
    await expectNothingLeft('SIGTERM', 143);
  });
});
