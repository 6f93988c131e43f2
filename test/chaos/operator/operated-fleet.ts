import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parse } from 'yaml';
import { namesFor, type Names } from '../../../src/broker/topology/topology.js';
import { endRabbitNode } from '../../../src/supervisor/broker/rabbitmq-node.js';
import { readFleetState, type FleetState } from '../../../src/supervisor/fleet-state.js';
import { isRunning } from '../../../src/supervisor/process-identity.js';
import { eventually } from '../../support/eventually.js';
import { patience } from '../../support/patience.js';
import { ChaosFleet } from '../support/chaos-fleet.js';
import { root } from '../support/chaos-process.js';
import { Customers } from '../support/customers.js';
import { randomFrom } from '../support/random.js';
import { raised, samplesOf, type Rule, type Sample } from './alerts.js';
import { brokerVariables } from './runbook.js';
import type { Evidence } from './symptoms.js';

export interface OperatedFleetOptions {
  seed: number;
  /** A broker of the tests; without it, `up` starts its private RabbitMQ. */
  broker?: { amqpUrl: string; managementUrl: string; prefix: string };
  /** The folder in which `up` runs, with its data in `data`. @default a temporary one */
  folder?: string;
  /** The number of processes that share the workers. @default each worker has its own */
  processes?: number;
}

export interface Printed {
  code: number;
  output: string;
}

const { groups } = parse(await readFile(join(root, 'deploy/prometheus-alerts.yml'), 'utf8')) as {
  groups: { rules: Rule[] }[];
};
export const rules = groups.flatMap((group) => group.rules);

/** What `up` starts when it runs in a terminal without further settings, except for short delays. */
const ENV = {
  LOG_LEVEL: 'warn',
  LOG_FORMAT: 'text',
  NO_COLOR: '1',
  RETRY_DELAYS: '100ms,200ms',
  BREAKER_HALF_OPEN_AFTER: '1s',
};

/** The example platform under `flotilla up`, and the shell of its operator. */
export class OperatedFleet {
  readonly customers: Customers;
  #logStart = 0;
  #before: Sample[] = [];

  private constructor(
    readonly fleet: ChaosFleet,
    readonly folder: string,
    private readonly options: OperatedFleetOptions,
  ) {
    this.customers = new Customers(fleet.apiUrl, randomFrom(options.seed));
  }

  /** Resolves when every process is ready. */
  static async start(options: OperatedFleetOptions): Promise<OperatedFleet> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'flotilla-operated-')));
    const dataDir = join(folder, 'data');
    await mkdir(dataDir, { recursive: true });
    const { broker = { amqpUrl: '', managementUrl: '', prefix: '' }, processes } = options;
    const up = ['up', ...(processes === undefined ? [] : ['--processes', String(processes)])];
    const env = { ...ENV, FLOTILLA_FLEET: join(root, 'dist/config/fleet.js') };
    const fleet = await ChaosFleet.create({ ...broker, roles: { up }, env, dataDir });
    const operated = new OperatedFleet(fleet, folder, options);
    try {
      await operated.#writeCommand();
      fleet.launch();
      await eventually('the fleet is running', () => fleet.process('up').said.includes('Flotilla is running'));
      await operated.customers.register();
      return operated;
    } catch (error) {
      const { said } = fleet.process('up');
      await operated.remove();
      throw new Error(`${String(error)}\n${said}`, { cause: error });
    }
  }

  get names(): Names {
    return namesFor(this.options.broker?.prefix ?? '');
  }

  /** Whether `up` started the broker. */
  get hasOwnBroker(): boolean {
    return this.options.broker === undefined;
  }

  async state(): Promise<FleetState> {
    const state = await readFleetState(this.fleet.dataDir);
    if (state === undefined) throw new Error('no fleet runs');
    return state;
  }

  /** The process of a worker, or of `api` or `keeper`; undefined between two starts. */
  async processOf(name: string): Promise<{ pid: number; url?: string } | undefined> {
    const { processes } = await this.state();
    const shared = this.options.processes;
    const worker = shared === undefined ? name : await this.#sharedProcessOf(name);
    return processes.find((each) => each.name === worker);
  }

  /** Marks the moment before a fault: log and counters are compared with it. */
  async mark(): Promise<void> {
    this.#logStart = this.fleet.process('up').said.length;
    this.#before = await this.#scrape();
  }

  /** The log since the mark. */
  get log(): string {
    return this.fleet.process('up').said.slice(this.#logStart);
  }

  /** What an operator sees who reads the log, the alerts and the API, and runs `status` and `doctor`. */
  async evidence(): Promise<Evidence> {
    const [seen, doctor] = await Promise.all([this.glance(), this.shell('flotilla doctor')]);
    return { ...seen, doctor: doctor.output };
  }

  /** The evidence without `doctor`, which takes longest. */
  async glance(): Promise<Evidence> {
    const [{ output: status }, now, readyz, api] = await Promise.all([
      this.shell('flotilla status'),
      this.#scrape(),
      this.#readyz(),
      this.#answers(),
    ]);
    const alerts = raised(rules, { before: this.#before, now });
    return { alerts, status, table: tableOf(status, 'WORKER'), doctor: '', log: this.log, readyz, api };
  }

  /** Runs commands in the operator's shell, in which the folder `data` is that of the fleet. */
  shell(commands: string): Promise<Printed> {
    const { env } = this.fleet;
    const path = [join(this.folder, 'bin'), process.env.PATH].join(delimiter);
    const variables = this.hasOwnBroker ? `${brokerVariables()}\n` : '';
    return new Promise((resolve) => {
      execFile(
        'bash',
        ['--norc', '-c', `set -o pipefail\n${variables}${commands}`],
        { cwd: this.folder, env: { ...env, PATH: path }, timeout: 60_000 * patience(), maxBuffer: 50_000_000 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
          resolve({ code, output: `${stdout}${stderr}` });
        },
      );
    });
  }

  /** Ends everything and removes the files, and the queues from a broker of the tests. */
  async remove(): Promise<void> {
    const left = (await readFleetState(this.fleet.dataDir))?.processes ?? [];
    await this.fleet.stop();
    for (const each of left) if (await isRunning(each)) process.kill(each.pid, 'SIGKILL');
    if (this.hasOwnBroker) await endRabbitNode(join(this.fleet.dataDir, 'rabbitmq'));
    await this.fleet.remove({ broker: !this.hasOwnBroker });
    if (this.options.folder === undefined) await rm(this.folder, { recursive: true, force: true });
  }

  /** The command `flotilla` of the shell. */
  async #writeCommand(): Promise<void> {
    const path = join(this.folder, 'bin', 'flotilla');
    await mkdir(join(this.folder, 'bin'), { recursive: true });
    await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' '${root}dist/src/cli/main.js' "$@"\n`);
    await chmod(path, 0o755);
  }

  async #sharedProcessOf(name: string): Promise<string> {
    const { output } = await this.shell(
      `ps -o args= -p ${(await this.state()).processes.map(({ pid }) => pid).join(',')}`,
    );
    const index = output.split('\n').findIndex((args) => new RegExp(`worker\\b.* ${name}\\b`).test(args));
    return (await this.state()).processes[index]?.name ?? name;
  }

  /** The metrics of every process, with the metric `up` of Prometheus. */
  async #scrape(): Promise<Sample[]> {
    const { processes } = await this.state();
    const scrapes = processes.map(async ({ name, url }) => {
      const labels = { job: 'flotilla', instance: name };
      const text = url === undefined ? undefined : await textOf(`${url}/metrics`);
      return [{ name: 'up', labels, value: text === undefined ? 0 : 1 }, ...samplesOf(text ?? '', labels)];
    });
    const samples = (await Promise.all(scrapes)).flat();
    const missing = this.#before.filter(
      ({ name, labels }) => name === 'up' && !processes.some((each) => each.name === labels['instance']),
    );
    return [...samples, ...missing.map((each) => ({ ...each, value: 0 }))];
  }

  async #readyz(): Promise<string> {
    const { processes } = await this.state();
    const answers = processes.map(
      async ({ name, url }) => `${name}: ${(await textOf(`${url}/readyz`)) ?? 'no answer'}`,
    );
    return (await Promise.all(answers)).join('\n');
  }

  /** The answers to requests that read orders and totals. */
  async #answers(): Promise<string> {
    const answers = ['/orders?limit=100', '/statistics'].map((path) => textOf(`${this.fleet.apiUrl}${path}`));
    return (await Promise.all(answers)).join('\n');
  }
}

/** Status, headers and body of an answer; undefined without one. */
async function textOf(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(2000 * patience()),
      headers: { connection: 'close' },
    });
    const headers = [...response.headers].map(([name, value]) => `${nameOf(name)}: ${value}`);
    return [`HTTP ${response.status}`, ...headers, '', await response.text()].join('\n');
  } catch {
    return undefined;
  }
}

/** A header as documents write it: `Model-Lag`. */
function nameOf(header: string): string {
  return header.replace(/(?<=^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

/** The first words of the columns of a table by its headings, of which `first` is the first one. */
export function tableOf(output: string, first: string): Record<string, string>[] {
  const lines = output.split('\n');
  const heading = lines.findIndex((line) => line.startsWith(`${first} `));
  if (heading === -1) return [];
  const end = lines.indexOf('', heading);
  const columns = [...(lines[heading] ?? '').matchAll(/\S+(?: \S+)*/g)].map(({ 0: name, index }) => ({ name, index }));
  return lines
    .slice(heading + 1, end === -1 ? undefined : end)
    .map((line) =>
      Object.fromEntries(columns.map(({ name, index }) => [name, line.slice(index).split(/\s/)[0] ?? ''])),
    );
}
