import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { freePort } from '../../../src/supervisor/broker/rabbitmq-node/ports.js';
import { atEnd } from '../../support/clean-up.js';
import { npmEnv, packedPackage } from '../../support/packed-package.js';
import { cleanUp, testBroker } from '../../support/rabbitmq.js';
import { blocksOf } from './blocks.js';
import { runPage } from './run-page.js';
import type { ExecutedPage } from './type-check.js';

export const START = 'getting-started.md';
export const docs = new URL('../../../docs/', import.meta.url);

/** The environment of a reader with a RabbitMQ in AMQP_URL. */
export async function environmentOfReader(): Promise<NodeJS.ProcessEnv> {
  const { amqpUrl, managementUrl, prefix } = await testBroker();
  atEnd(() => cleanUp(prefix));
  return {
    ...npmEnv,
    AMQP_URL: amqpUrl,
    AMQP_MANAGEMENT_URL: managementUrl,
    FLOTILLA_PREFIX: prefix,
    PORT: String(await freePort(undefined, new Set())),
    LOG_FORMAT: 'text',
    NO_COLOR: '1',
    npm_config_prefer_offline: 'true',
    npm_config_update_notifier: 'false',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  };
}

export interface StartedProject extends ExecutedPage {
  /** The time from the empty folder to the end of the page, without that of a reader. */
  minutes: number;
}

let starting: Promise<StartedProject> | undefined;

/** The project that getting-started creates from the packed package in an empty folder. The page is executed once for the
 *  whole run; the project is deleted when the run ends. */
export function startedProject(): Promise<StartedProject> {
  return (starting ??= start());
}

async function start(): Promise<StartedProject> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-started-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  const empty = join(folder, 'empty');
  await mkdir(empty);
  const tarball = await packedPackage();
  await cp(tarball, join(empty, basename(tarball)));
  const blocks = blocksOf(await readFile(new URL(START, docs), 'utf8'));
  const began = performance.now();
  const project = await runPage(blocks, { cwd: empty, env: await environmentOfReader() });
  return { page: START, project, blocks, minutes: (performance.now() - began) / 60_000 };
}
