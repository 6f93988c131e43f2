import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = join(root, 'bin', 'flotilla');
const { PATH, NODE_COMPILE_CACHE } = process.env;

/** Runs the command line in a separate process. */
async function flotilla(args: string[], env: Record<string, string> = {}, cwd = root) {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { PATH, NODE_COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const read = async (stream: NodeJS.ReadableStream) => {
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return text;
  };
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr)]);
  const [code] = (await closed) as [number | null];
  return { code, stdout, stderr };
}

/** The message on the only line that a process prints without a terminal, where logs are JSON. */
function messageIn(stderr: string): string {
  return (JSON.parse(stderr) as { message: string }).message;
}

describe('the command line', () => {
  let data: string;
  beforeEach(async () => (data = await mkdtemp(join(tmpdir(), 'flotilla-cli-'))));
  afterEach(() => rm(data, { recursive: true, force: true }));

  it('reports a wrong variable on one line and exits with 2', async () => {
    expect(await flotilla(['api'], { PORT: 'http' })).to.deep.equal({
      code: 2,
      stdout: '',
      stderr:
        'config.invalid: The configuration is not valid: PORT must be a whole number from 0 to 65535, not "http". ' +
        'Correct the variable that the message names.\n',
    });
  });

  it('keeps its compiled code beside the library, except that of services', async () => {
    const prints = 'process.on("exit", () => console.error(process.getBuiltinModule("module").getCompileCacheDir()))';
    const env = { NODE_COMPILE_CACHE: '', NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(prints)}` };
    expect((await flotilla(['events', 'types', '--json'], env)).stderr).to.include(
      join(root, 'dist', '.compile-cache'),
    );
    expect((await flotilla(['api'], { ...env, PORT: 'http' })).stderr.trim()).to.match(/undefined$/);
  });

  it('exits with 2 for unknown input and with 0 for help', async () => {
    expect(await flotilla(['fly'])).to.have.property('code', 2);
    expect(await flotilla(['up', '--scale', 'payment=many'])).to.have.property('code', 2);
    expect(await flotilla(['up', '--processes', '0'])).to.have.property('code', 2);
    const help = await flotilla(['--help']);
    expect(help.code).to.equal(0);
    for (const command of ['up', 'api', 'worker', 'keeper', 'sandbox', 'reset', 'doctor', 'config']) {
      expect(help.stdout).to.match(new RegExp(`^  ${command}\\b`, 'm'));
    }
  });

  it('lists the workers when an unknown one is requested', async () => {
    const { code, stderr } = await flotilla(['worker', 'paiment'], { DATA_DIR: data, AMQP_URL: 'amqp://127.0.0.1:1' });
    expect(code).to.equal(1);
    expect(messageIn(stderr)).to.contain(
      'name.unknown: Unknown name: there is no worker "paiment"; did you mean payment? Known workers: ',
    );
  });

  it('reports what is missing when there is no fleet', async () => {
    const { code, stderr } = await flotilla(['up'], {}, data);
    expect(code).to.equal(2);
    expect(messageIn(stderr)).to.equal(
      `fleet.invalid: The fleet does not fit together: there is no config/fleet in ${data}; run this in the folder of a fleet, or name its file: --fleet <path>. Correct config/fleet as the message explains.`,
    );
  });

  it('names the variable of a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    const env = { DATA_DIR: data, AMQP_URL: 'amqp://127.0.0.1:1', LOG_LEVEL: 'error' };
    for (const [command, variable] of [
      ['api', 'PORT'],
      ['keeper', 'HEALTH_PORT'],
      ['sandbox', 'SANDBOX_PORT'],
    ] as const) {
      const { code, stderr } = await flotilla([command], { ...env, SANDBOX_SMTP_PORT: '0', [variable]: port });
      expect(code, command).to.equal(2);
      expect(stderr, command).to.contain(
        `${variable}: port ${port} of 127.0.0.1 is taken; find the process with: lsof -nP -iTCP:${port} -sTCP:LISTEN`,
      );
    }
    server.close();
  });

  it('prints its configuration as text and as JSON, without secrets', async () => {
    const env = { API_TOKEN: 'hunter2-hunter2-hunter2', PAYMENT_TOKEN: 'hunter2' };
    const { stdout } = await flotilla(['config', 'show', '--json'], env);
    const shown = JSON.parse(stdout) as { items: unknown[]; total: number };
    expect(shown.total).to.equal(shown.items.length);
    expect(shown.items).to.deep.include({ variable: 'PORT', value: '3000', from: 'default' });
    expect(stdout).not.to.contain('hunter2');
  });

  it('asks for confirmation before it removes anything, and removes nothing without a terminal', async () => {
    await flotilla(['sandbox'], { DATA_DIR: data, SANDBOX_PORT: '1', SANDBOX_SMTP_PORT: '1', HOST: '127.0.0.1' });
    const { code, stderr } = await flotilla(['reset'], { DATA_DIR: data });
    expect(code).to.equal(2);
    expect(stderr).to.contain('--yes');
    expect(await flotilla(['reset', '--yes'], { DATA_DIR: data })).to.have.property('code', 0);
  });
});
