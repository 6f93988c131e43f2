import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../../../platform/sandbox/sandbox.js';

/** A directory for sandboxes. */
export async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'flotilla-sandbox-'));
  const started: Sandbox[] = [];
  return {
    path,
    async start(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
      const sandbox = await startIn(path, options);
      started.push(sandbox);
      return sandbox;
    },
    /** Closes the sandboxes that `start` started, and deletes the directory. */
    async remove(): Promise<void> {
      for (const sandbox of started) await sandbox.close();
      await rm(path, { recursive: true, force: true });
    },
  };
}

export type SandboxDirectory = Awaited<ReturnType<typeof temporaryDirectory>>;

export const startIn = (dataDir: string, options: Partial<SandboxOptions> = {}): Promise<Sandbox> =>
  startSandbox({ port: 0, smtpPort: 0, dataDir, logger: silentLogger(), ...options });

export interface SandboxProcess {
  child: ChildProcess;
  url: string;
  smtpUrl: string;
  kill(): Promise<void>;
}

/** A sandbox in a separate process, which can be killed. */
export async function forkIn(dataDir: string): Promise<SandboxProcess> {
  const child = fork(fileURLToPath(new URL('./sandbox-process.ts', import.meta.url)), [dataDir], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [ready] = (await once(child, 'message')) as [{ url: string; smtpUrl: string }];
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  return { child, url: ready.url, smtpUrl: ready.smtpUrl, kill };
}

export interface Reply {
  status: number;
  type: string | null;
  body: Record<string, unknown> & { items: Record<string, unknown>[] };
}

/** Sends one request, with the key as Idempotency-Key if given. */
export async function send(url: string, method: string, body?: unknown, key?: string): Promise<Reply> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { 'idempotency-key': key }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const json = (await response.json()) as Reply['body'];
  return { status: response.status, type: response.headers.get('content-type'), body: json };
}
