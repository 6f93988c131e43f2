import type { Command } from 'commander';
import { addDevice, listDevices, removeDevice } from '../../../broker/users/devices.js';
import { namesFor } from '../../../broker/topology/topology.js';
import { FlotillaError } from '../../../errors.js';
import { openManagement } from '../../../runtime/broker/broker-address.js';
import { workerDefinitionOf } from '../../../worker/definition/worker-definition.js';
import { DEVICE_ID, routingKeyOf, topicOf } from '../../../worker/telemetry/topics.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { printList } from '../../shared/output/print-list.js';

interface Flags {
  json?: boolean;
}

export function register(program: Command, context: Context): void {
  const devices = program.command('devices');
  devices
    .command('list')
    .description('list the devices that have a user of the broker')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla devices list', 'the devices that may connect']))
    .action((flags: Flags) => runList(flags, context));
  devices
    .command('add')
    .description('create a user of the broker for a device, or a new password, and print it once')
    .argument('<id>', 'letters, digits, dashes and underscores, 64 at most')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla devices add dev-7', 'let the device dev-7 connect by MQTT']))
    .action((id: string, flags: Flags) => runAdd(id, flags, context));
  devices
    .command('remove')
    .description('delete the user of a device; an open connection continues until it is closed')
    .argument('<id>', 'a device of `devices list`')
    .addHelpText('after', examples(['flotilla devices remove dev-7', 'refuse the next connection of the device']))
    .action((id: string) => runRemove(id, context));
}

async function runList({ json = false }: Flags, context: Context): Promise<void> {
  const devices = await listDevices(await openManagement(context));
  printList(
    context,
    devices.map((device) => ({ device })),
    { json, empty: 'No device has a user.', columns: { device: ({ device }) => device } },
  );
}

async function runAdd(id: string, { json = false }: Flags, context: Context): Promise<void> {
  if (!DEVICE_ID.test(id)) {
    throw new UsageError(`${JSON.stringify(id)} is no id: letters, digits, dashes and underscores, 64 at most`);
  }
  const { topics, replies } = await topicsOf(context);
  const publishes = topics.map((topic) => topicOf(topic, id));
  const subscribes = replies.map((topic) => topicOf(topic, id));
  const keys = {
    publishes: topics.map((topic) => routingKeyOf(topic, id)),
    subscribes: replies.map((topic) => routingKeyOf(topic, id)),
  };
  const management = await openManagement(context);
  const { password, replaced } = await addDevice(management, id, keys, namesFor(context.config.prefix));
  if (json) {
    context.printJson({ user: id, password, clientId: id, publishes, subscribes }, 2);
    return;
  }
  context.print(`${id} ${replaced ? 'has a new password' : 'can connect by MQTT'}; the password is not shown again.`);
  context.print(`  user and client id  ${id}`);
  context.print(`  password            ${password}`);
  context.print(`  publishes to        ${publishes.join(', ')}`);
  context.print(`  subscribes to       ${subscribes.join(', ') || 'nothing'}`);
}

async function runRemove(id: string, context: Context): Promise<void> {
  await removeDevice(await openManagement(context), id);
  context.print(`${id} can no longer connect.`);
}

/** The topics of all workers of the fleet. */
async function topicsOf(context: Context): Promise<{ topics: string[]; replies: string[] }> {
  const { workers } = await context.fleet();
  const declared = workers.map(workerDefinitionOf).flatMap(({ telemetry }) => telemetry ?? []);
  if (declared.length === 0) throw new FlotillaError('fleet.invalid', 'no worker of the fleet declares `telemetry`');
  return {
    topics: declared.flatMap(({ topics }) => topics),
    replies: declared.flatMap(({ replies }) => replies),
  };
}
