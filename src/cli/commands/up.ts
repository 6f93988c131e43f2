import { join, relative } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { managementOf, requireToken, requireTokens, type Config } from '../../config/load-config.js';
import { readSandboxSettings } from '../../config/worker-settings.js';
import { createFleetKey } from '../../supervisor/data-directory/fleet-key-file.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { namesFor } from '../../broker/topology/topology.js';
import { up, type RunningFleet, type UpOptions } from '../../supervisor/up.js';
import { maskedUrl } from '../../config/secrets.js';
import { banner } from '../../supervisor/banner.js';
import { brokerRecovery } from '../../runtime/operator/broker-recovery.js';
import { confirm } from '../shared/input/confirm.js';
import type { Context } from '../shared/context.js';
import { examples } from '../shared/examples.js';
import { describeDisabled, requireSettings } from '../shared/check-settings.js';
import { dataDirOf } from '../../runtime/place.js';
import { enabledWorkers } from '../../runtime/fleet/enabled-workers.js';

interface UpFlags {
  scale: Record<string, number>;
  processes?: number;
  with?: string[];
  setBrokerAside?: boolean;
  refill?: boolean;
}

export function register(program: Command, context: Context): void {
  program
    .command('up')
    .addOption(
      new Option('--scale <worker=count>', 'how many processes run a worker, such as payment=3,email=2')
        .argParser(parseScale)
        .default({}, 'one of each'),
    )
    .addOption(
      new Option(
        '--processes <count>',
        'run all workers in so many processes, which saves memory and CPU time (default: one each)',
      ).argParser(parseProcesses),
    )
    .addOption(
      new Option('--with <part>', 'an optional part of the fleet that also runs, or several with commas').argParser(
        parseParts,
      ),
    )
    .option(
      '--set-broker-aside',
      'if another version of RabbitMQ wrote its data, rename their folder and send unhandled messages again from the stores',
    )
    .option('--refill', 'after a move to another broker: first send from the stores what the workers have not handled')
    .addHelpText(
      'after',
      examples(
        ['flotilla up', 'run the fleet in this folder, with a private RabbitMQ'],
        ['flotilla up --scale payment=3', 'three processes of one worker'],
        ['flotilla up --with sensors', 'with an optional part of the fleet'],
        ['flotilla up --processes 2', 'all workers in two processes, for a small machine'],
      ),
    )
    .action((flags: UpFlags) => runUp(flags, context));
}

async function runUp(flags: UpFlags, context: Context): Promise<void> {
  const { env, cwd, signal, forced, packageRoot } = context;
  const parts = flags.with ?? context.config.with;
  const config = { ...context.config, with: parts };
  const fleet = await context.fleet();
  const enabled = enabledWorkers(fleet, config);
  requireTokens(config, ['api', 'health']);
  requireSettings(env, fleet, enabled); // immediately, instead of by a process that exits
  const sandbox = fleet.sandbox && readSandboxSettings(fleet.sandbox, env);
  if (sandbox !== undefined) requireToken(sandbox.token, sandbox.tokenVariables, { host: config.host, place: 'HOST' });
  const disabled = describeDisabled(fleet, config);
  if (disabled !== undefined) context.say(`${disabled}.`);
  const { amqpUrl, managementUrl } = config;
  const signing = prepareSigning(context);
  await up({
    cwd,
    dataDir: config.dataDir,
    workers: enabled.map(({ name }) => name),
    hasApi: fleet.api !== undefined,
    hasSandbox: sandbox !== undefined,
    hasKafka: fleet.kafka !== undefined && config.kafka.brokers.length > 0,
    scale: flags.scale,
    processes: flags.processes,
    host: config.host,
    ports: { ...(fleet.api !== undefined && { PORT: config.port }), ...sandbox?.ports },
    amqp: amqpUrl === undefined ? undefined : { amqpUrl, managementUrl: managementUrl ?? managementOf(amqpUrl) },
    mqtt: mqttOf(config, enabled, context),
    drainTimeout: config.drainTimeout,
    env: { ...env, ...signing, WITH: parts.join(',') },
    parts,
    program: context.program,
    installer: join(packageRoot, 'scripts', 'install-rabbitmq.mjs'),
    logger: context.logger({ process: 'supervisor' }),
    onReady: (running) => reportReady(running, fleet, context),
    say: context.say,
    signal,
    forced,
    recovery: brokerRecovery(
      fleet,
      { config, cwd, signal, logger: context.logger({ process: 'refill' }), notify: (line) => context.say(line) },
      {
        allowed: flags.setBrokerAside === true,
        wanted: flags.refill === true,
        ...(context.interactive && { ask: (question: string) => confirm(question, context) }),
      },
    ),
  });
}

/** MQTT for the workers that receive messages of devices; without them, nothing listens. */
function mqttOf(
  { mqtt, prefix }: Config,
  enabled: ReturnType<typeof enabledWorkers>,
  { say }: Context,
): UpOptions['mqtt'] {
  if (mqtt === undefined) return undefined;
  if (enabled.every(({ telemetry }) => telemetry === undefined)) {
    say('MQTT_PORT is ignored: no worker that runs receives messages of devices; see --with.');
    return undefined;
  }
  const { tls, ...listener } = mqtt;
  return { ...listener, exchange: namesFor(prefix).telemetry, ...(tls !== undefined && { tls }) };
}

function reportReady(running: RunningFleet, { banner: rowsOf }: Pick<Fleet, 'banner'>, context: Context): void {
  const { urls, managementUrl, dataDir, workers } = running;
  if (context.printsJson) {
    const all = { ...urls, management: maskedUrl(managementUrl) };
    context.printEntry('Flotilla is running', { urls: all, dataDir, workers: workers.length });
    return;
  }
  const lines = banner({ ...running, cwd: context.cwd, command: commandName(context), rows: rowsOf?.(urls) ?? {} });
  for (const line of ['', ...lines, '']) context.print(line);
}

/** Returns the command that runs this program from the folder of the fleet. */
function commandName({ cwd, program, packageRoot }: Context): string {
  const checkout = join(packageRoot, 'bin', 'flotilla');
  return program.includes('node_modules') ? 'npx flotilla' : relative(cwd, checkout);
}

/** Creates a key if the fleet has none. Messages of an earlier release in the queues are not signed, so the first run
 *  with a key accepts them. */
function prepareSigning(context: Context): NodeJS.ProcessEnv {
  const { config, env, say } = context;
  if (config.fleetKey !== undefined) return {};
  if (createFleetKey(dataDirOf(context), Date.now()) !== 'created for existing stores') return {};
  if ((env.VERIFY_SIGNATURES ?? '') !== '') return {};
  say('Messages are signed from now on. Unsigned ones, of an earlier release, are accepted until the next start.');
  return { VERIFY_SIGNATURES: 'warn' };
}

/** Maximum number of processes for one worker, to reject typing errors. */
const MAX_PROCESSES = 64;

function parseProcesses(text: string): number {
  const count = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > MAX_PROCESSES) throw new InvalidArgumentError(`It is a number from 1 to ${MAX_PROCESSES}.`);
  return count;
}

function parseParts(text: string, before: string[] = []): string[] {
  const parts = text.split(',').map((part) => part.trim());
  return [...before, ...parts.filter((part) => part !== '')];
}

/** Parses `payment=3,email=2`; the option can be repeated. */
function parseScale(text: string, before: Record<string, number>): Record<string, number> {
  const scale = { ...before };
  for (const part of text.split(',')) {
    const [, worker, count] = /^([a-z][a-z0-9-]*)=(\d{1,3})$/.exec(part.trim()) ?? [];
    if (worker === undefined || Number(count) > MAX_PROCESSES) {
      throw new InvalidArgumentError(`It is <worker>=<count>, the count from 0 to ${MAX_PROCESSES}.`);
    }
    scale[worker] = Number(count);
  }
  return scale;
}
