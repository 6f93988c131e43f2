import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { namesFor, type Names } from '../../../src/broker/topology/topology.js';
import { patience } from '../../support/patience.js';
import { deleteAll } from '../../support/rabbitmq.js';
import { ChaosProcess, root } from './chaos-process.js';
import { freePorts } from './ports.js';
import { workers } from './stores.js';

const execute = promisify(execFile);
const { PATH, NODE_COMPILE_CACHE } = process.env;

/** The command line compiles the checkout in which it runs. */
let compiled: Promise<unknown> | undefined;

/** Processes by role. Workers that share a process to save memory still have separate stores. */
export const ROLES = {
  api: ['api'],
  sandbox: ['sandbox'],
  keeper: ['keeper'],
  readers: ['worker', 'orders', 'views', 'analytics', 'statements'],
  doers: ['worker', 'inventory', 'payment', 'shipping'],
  talkers: ['worker', 'email', 'order-choreography', 'order-saga', 'journal'],
} as const;

/** All workers in one process: enough where no process of a worker is killed. */
export const ROLES_TOGETHER = {
  api: ['api'],
  sandbox: ['sandbox'],
  keeper: ['keeper'],
  workers: ['worker', ...workers.map(({ name }) => name)],
} as const;

/** Every worker in a separate process. */
export const ROLES_APART = {
  api: ['api'],
  sandbox: ['sandbox'],
  keeper: ['keeper'],
  ...Object.fromEntries(workers.map(({ name }) => [name, ['worker', name]])),
} as const;

export interface ChaosFleetOptions {
  amqpUrl: string;
  managementUrl: string;
  prefix: string;
  /** The command of each role. @default ROLES */
  roles?: Readonly<Record<string, readonly string[]>>;
  /** Added to the default variables; overrides them. */
  env?: NodeJS.ProcessEnv;
  /** An existing folder, which is not removed. By default, a temporary one. */
  dataDir?: string;
}

/** A fleet of real processes, each of which can be killed and started again. */
export class ChaosFleet {
  readonly names: Names;
  /** The environment of every process. */
  readonly env: NodeJS.ProcessEnv;
  readonly apiUrl: string;
  readonly sandboxUrl: string;
  readonly #running = new Map<string, ChaosProcess>();
  /** Output of ended processes. */
  readonly #history: { role: string; said: string }[] = [];

  private constructor(
    readonly options: ChaosFleetOptions,
    readonly dataDir: string,
    ports: readonly number[],
  ) {
    const [api, sandbox, smtp] = ports;
    this.names = namesFor(options.prefix);
    this.apiUrl = `http://127.0.0.1:${api}`;
    this.sandboxUrl = `http://127.0.0.1:${sandbox}`;
    this.env = {
      FLEET_KEY: 'k'.repeat(40),
      FLOTILLA_FLEET: 'dist/config/fleet.js',
      AMQP_URL: options.amqpUrl,
      AMQP_MANAGEMENT_URL: options.managementUrl,
      FLOTILLA_PREFIX: options.prefix,
      DATA_DIR: dataDir,
      PORT: String(api),
      SANDBOX_PORT: String(sandbox),
      SANDBOX_SMTP_PORT: String(smtp),
      RETRY_DELAYS: '100ms,200ms,400ms,800ms',
      BREAKER_HALF_OPEN_AFTER: '250ms',
      STREAM_MAX_BYTES: '50000000',
      DRAIN_TIMEOUT: '10s',
      ...options.env,
    };
  }

  /** Compiles the program if necessary; starts nothing. */
  static async create(options: ChaosFleetOptions): Promise<ChaosFleet> {
    compiled ??= execute(process.execPath, [join(root, 'bin/flotilla'), '--version'], { cwd: root });
    await compiled;
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'flotilla-chaos-')));
    return new ChaosFleet(options, dataDir, await freePorts(3));
  }

  get roles(): string[] {
    return Object.keys(this.#rolesOf());
  }

  /** Starts the given roles, or all, without waiting until they are ready. */
  launch(roles: readonly string[] = this.roles, env: NodeJS.ProcessEnv = {}): ChaosProcess[] {
    return roles.map((role) => {
      const running = this.#running.get(role);
      if (running !== undefined && !running.ended) throw new Error(`${role} runs already`);
      if (running !== undefined) this.#history.push({ role, said: running.said });
      const started = new ChaosProcess(role, this.#rolesOf()[role] ?? [], { ...this.env, ...env });
      this.#running.set(role, started);
      return started;
    });
  }

  /** Starts the given roles, or all, and resolves when they are ready. */
  async start(roles: readonly string[] = this.roles, env: NodeJS.ProcessEnv = {}): Promise<void> {
    await Promise.all(this.launch(roles, env).map((started) => started.ready()));
  }

  process(role: string): ChaosProcess {
    const found = this.#running.get(role);
    if (found === undefined) throw new Error(`${role} was never started`);
    return found;
  }

  /** The process that runs a worker. */
  processOf(worker: string): ChaosProcess {
    const role = this.roles.find((each) => this.#rolesOf()[each]?.includes(worker));
    return this.process(role ?? worker);
  }

  /** The roles whose process has exited or was killed. */
  get down(): string[] {
    return [...this.#running].filter(([, { ended }]) => ended).map(([role]) => role);
  }

  /** Runs a command-line command and resolves with its output. Rejects when it fails. */
  command(...args: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      execFile(
        process.execPath,
        [join(root, 'dist/src/cli/main.js'), ...args],
        {
          cwd: root,
          env: { PATH, NODE_COMPILE_CACHE, ...this.env },
          timeout: 60_000 * patience(),
          maxBuffer: 50_000_000,
        },
        (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else {
            const why = error.killed === true ? 'took too long' : `ended with ${error.signal ?? error.code}`;
            const said = [...stdout.trim().split('\n'), ...stderr.trim().split('\n')].join('; ');
            reject(Object.assign(new Error(`flotilla ${args.join(' ')} ${why}: ${said}`), { stdout }));
          }
        },
      );
    });
  }

  /** Stops all running processes cleanly. Resolves with the roles that had to be killed. */
  async stop(): Promise<string[]> {
    const late: string[] = [];
    for (const roles of [['api'], this.roles.filter((role) => role !== 'api' && role !== 'sandbox'), ['sandbox']]) {
      await Promise.all(
        roles.map(async (role) => {
          const running = this.#running.get(role);
          if (running !== undefined && !running.ended && (await running.stop()) === 'SIGKILL') late.push(role);
        }),
      );
    }
    return late;
  }

  /** The logged warnings and errors, latest last. Writes all output to CHAOS_LOGS if set. */
  warnings(lines = 60): string {
    const all = [...this.#history, ...[...this.#running].map(([role, { said }]) => ({ role, said }))];
    const folder = process.env.CHAOS_LOGS;
    if (folder !== undefined && folder !== '') {
      mkdirSync(folder, { recursive: true });
      for (const [index, { role, said }] of all.entries()) {
        writeFileSync(join(folder, `${this.options.prefix}${role}-${index}.log`), said);
      }
    }
    const entries = all.flatMap(({ role, said }) =>
      said
        .split('\n')
        .filter((line) => line !== '' && !/"level":"(info|debug)"/.test(line))
        .map((line) => ({
          at: /"(?:time|timestamp)":"([^"]+)"/.exec(line)?.[1] ?? '',
          text: `${role}: ${line.slice(0, 400)}`,
        })),
    );
    return entries
      .sort((a, b) => (a.at < b.at ? -1 : 1))
      .slice(-lines)
      .map(({ text }) => text)
      .join('\n');
  }

  /** Kills all processes and removes their files and, unless the broker is gone, their queues and exchanges. */
  async remove({ broker = true } = {}): Promise<void> {
    await Promise.all([...this.#running.values()].filter(({ ended }) => !ended).map((running) => running.kill()));
    if (broker) await deleteAll(this.options, this.options.prefix);
    if (this.options.dataDir === undefined) await rm(this.dataDir, { recursive: true, force: true });
  }

  #rolesOf(): Readonly<Record<string, readonly string[]>> {
    return this.options.roles ?? ROLES;
  }
}
