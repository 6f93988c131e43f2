import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { hasCode } from '../../errors.js';
import { endRabbitNode } from './rabbitmq-node.js';
import { dataVersion } from './rabbitmq-node/version.js';

/** How a fleet continues without the data of its private broker. */
export interface BrokerRecovery {
  /** Whether the data may be set aside without asking. */
  allowed: boolean;
  /** Whether to refill the broker in any case, because it is another one. */
  wanted: boolean;
  /** Asks the operator; absent without a terminal. */
  ask?: (question: string) => Promise<boolean>;
  /** Checks that the stores contain everything that can be in the queues. Resolves with remarks for the operator.
   *  Throws `broker.not_recoverable`. */
  prove(): Promise<string[]>;
  /** Sends each worker the messages that it has not handled. Safe to repeat: the inbox detects duplicates. */
  refill(broker: { amqpUrl: string; managementUrl: string }): Promise<void>;
}

/** Exists until the broker is refilled, including over a crash. */
const PENDING = 'broker-refill-pending';

/** Runs `start`. If it fails because another version of RabbitMQ wrote the data, offers to set the data aside, and
 *  starts again with an empty broker. The folder is renamed, never deleted. */
export async function startOrSetAside<T>(
  dataDir: string,
  recovery: BrokerRecovery,
  say: (line: string) => void,
  start: () => Promise<T>,
): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (!hasCode(error, 'broker.data_version')) throw error;
    if (!recovery.allowed && recovery.ask === undefined) throw error;
    if (error instanceof Error) say(error.message);
    for (const note of await recovery.prove()) say(note);
    const question = 'Set the data of the broker aside and send what is not handled again from the stores?';
    if (!recovery.allowed && !(await recovery.ask?.(question))) throw error;
    await writeFile(join(dataDir, PENDING), '');
    say(`The data of the broker were moved to ${await setAside(dataDir)}; nothing was deleted.`);
    return start();
  }
}

/** Makes a refill pending if the operator wants one. */
export async function prepareRefill(
  dataDir: string,
  recovery: Pick<BrokerRecovery, 'wanted' | 'prove'>,
  say: (line: string) => void,
): Promise<void> {
  if (!recovery.wanted) return;
  for (const note of await recovery.prove()) say(note);
  await writeFile(join(dataDir, PENDING), '');
}

/** Refills the broker if a refill is pending. */
export async function refillIfPending(
  dataDir: string,
  recovery: BrokerRecovery,
  broker: { amqpUrl: string; managementUrl: string },
): Promise<void> {
  const pending = join(dataDir, PENDING);
  if (!existsSync(pending)) return;
  await recovery.refill(broker);
  await rm(pending, { force: true });
}

async function setAside(dataDir: string): Promise<string> {
  const directory = join(dataDir, 'rabbitmq');
  await endRabbitNode(directory);
  const version = (await dataVersion(directory)) ?? 'unknown';
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+Z$/g, '');
  const target = join(dataDir, `${basename(directory)}-${version}-${stamp}`);
  await rename(directory, target);
  return target;
}
