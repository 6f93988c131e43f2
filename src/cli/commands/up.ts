import { join, resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { managementOf, requireTokens } from '../../config/load.js';
import { createFleetKey } from '../../supervisor/fleet-key-file.js';
import { up } from '../../supervisor/up.js';
import { maskedUrl } from '../../config/secrets.js';
import { banner, type BannerOptions } from '../../supervisor/banner.js';
import { brokerRecovery } from '../shared/broker-recovery.js';
import type { Context } from '../shared/context.js';
import { describeDisabled, requireSettings } from '../shared/check-settings.js';
import { enabledWorkers } from '../../runtime/enabled-workers.js';
import { UsageError } from '../shared/failure.js';

interface UpFlags {
  scale: Record<string, number>;
  with?: string;
  setBrokerAside?: boolean;
}

export function register(program: Command, context: Context): void {
  program
    .command('up')
    .description('run the whole fleet on this machine: broker, sandbox, keeper, workers, API')
    .addOption(
      new Option('--scale <worker=count>', 'how many processes run a worker, such as payment=3,email=2')
        .argParser(parseScale)
        .default({}, 'one of each'),
    )
    .option(
      '--set-broker-aside',
      'if another version of RabbitMQ wrote its data, rename their folder and send unhandled messages again from the stores',
    )
    .option('--with <parts>', 'more of the platform; there is none yet')
    .action((flags: UpFlags) => runUp(flags, context));
}

async function runUp(flags: UpFlags, context: Context): Promise<void> {
  if (flags.with !== undefined) {
    throw new UsageError(`--with ${flags.with}: these parts of the platform do not exist yet; leave --with out`);
  }
  const { config, env, cwd, signal, forced, packageRoot } = context;
  const fleet = await context.fleet();
  const enabled = enabledWorkers(fleet, config);
  requireTokens(config, ['api', 'sandbox', 'health']);
  requireSettings(context, enabled, fleet.api); // at once, not by a process that ends
  const disabled = describeDisabled(fleet, enabled);
  if (disabled !== undefined) context.say(`${disabled}.`);
  const { amqpUrl, managementUrl } = config;
  const signing = prepareSigning(context);
  await up({
    cwd,
    dataDir: config.dataDir,
    workers: enabled.map(({ name }) => name),
    hasApi: fleet.api !== undefined,
    hasSandbox: fleet.sandbox !== undefined,
    scale: flags.scale,
    host: config.host,
    ports: { api: config.port, sandbox: config.sandboxPort, smtp: config.sandboxSmtpPort },
    amqp: amqpUrl === undefined ? undefined : { amqpUrl, managementUrl: managementUrl ?? managementOf(amqpUrl) },
    drainTimeout: config.drainTimeout,
    env: { ...env, ...signing },
    program: context.program,
    installer: join(packageRoot, 'scripts', 'install-rabbitmq.mjs'),
    logger: context.logger({ process: 'supervisor' }),
    onReady: (running) => reportReady(running, context),
    say: context.say,
    signal,
    forced,
    recovery: brokerRecovery(context, flags.setBrokerAside === true),
  });
}

function reportReady(running: BannerOptions, context: Context): void {
  const lines = banner(running);
  if (!context.printsJson) {
    for (const line of ['', ...lines, '']) context.print(line);
    return;
  }
  const { apiUrl, sandboxUrl, managementUrl, dataDir, workers } = running;
  const urls = { api: apiUrl, sandbox: sandboxUrl, management: maskedUrl(managementUrl) };
  context.printEntry('Flotilla is running', { urls, dataDir, workers: workers.length });
}

/** Gives the fleet a key where it has none. Messages that an earlier release has left in the queues are not signed, so the first
 *  run with a key accepts them. */
function prepareSigning({ config, cwd, env, say }: Context): NodeJS.ProcessEnv {
  if (config.fleetKey !== undefined) return {};
  if (createFleetKey(resolve(cwd, config.dataDir), Date.now()) !== 'created for existing stores') return {};
  if ((env.VERIFY_SIGNATURES ?? '') !== '') return {};
  say('Messages are signed from now on. Unsigned ones, of an earlier release, are accepted until the next start.');
  return { VERIFY_SIGNATURES: 'warn' };
}

/** At most this many processes of one worker: more is a slip of the finger. */
const MOST = 64;

/** `payment=3,email=2`; may be given several times. */
function parseScale(text: string, before: Record<string, number>): Record<string, number> {
  const scale = { ...before };
  for (const part of text.split(',')) {
    const [, worker, count] = /^([a-z][a-z0-9-]*)=(\d{1,3})$/.exec(part.trim()) ?? [];
    if (worker === undefined || Number(count) > MOST) {
      throw new InvalidArgumentError(`It is <worker>=<count>, the count from 0 to ${MOST}.`);
    }
    scale[worker] = Number(count);
  }
  return scale;
}
