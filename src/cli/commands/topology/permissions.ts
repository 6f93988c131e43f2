import type { Command } from 'commander';
import type { GrantablePermissions, UserPermissions } from '../../../broker/users/permissions.js';
import { vhostOf } from '../../../broker/rabbitmq/connection/addresses.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { KAFKA_STORE, OPS_STORE } from '../../../fleet/reserved-names.js';
import { brokerAddress } from '../../../runtime/broker/broker-address.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { fleetUsers, permissionsOfUser } from './fleet-users.js';
import { printList } from '../../shared/output/print-list.js';
import { workerDefinitionOf } from '../../../worker/definition/worker-definition.js';

interface Flags {
  json?: boolean;
  script?: boolean;
  user?: string;
}

/** A name that RabbitMQ accepts and `rabbitmqctl` does not take for an option. */
const USER_NAME = /^(?![\s-])\P{Cc}{1,255}$/u;

export function registerPermissions(topology: Command, context: Context): void {
  topology
    .command('permissions')
    .description('print an AMQP user for each service with the least permissions that it needs; changes nothing')
    .option('--json', 'print permissions and topic permissions as definitions for RabbitMQ to import')
    .option('--script', 'print a shell script that calls rabbitmqctl')
    .option(
      '--user <name>',
      'print the rabbitmqctl commands for one existing user; one of no service is shared by all processes and the command line',
    )
    .addHelpText(
      'after',
      examples(
        ['flotilla topology permissions', 'print the permissions of each service'],
        ['flotilla topology permissions --script > permissions.sh', 'write a script for rabbitmqctl'],
        ['flotilla topology permissions --user guest', 'print the permissions of a user that all processes share'],
      ),
    )
    .action((flags: Flags) => runPermissions(flags, context));
}

async function runPermissions(flags: Flags, context: Context): Promise<void> {
  const { json = false, script = false, user } = flags;
  if (json && script) throw new UsageError('give --json or --script');
  if (user !== undefined && !USER_NAME.test(user)) {
    const rule = '1 to 255 characters, no control characters, no blank or dash at the beginning';
    throw new UsageError(`--user ${JSON.stringify(user)} is not a valid name: ${rule}`);
  }
  const fleet = await context.fleet();
  const vhost = vhostOf((await brokerAddress(context)).amqpUrl);
  const users = fleetUsers(fleet, context.config.prefix);
  if (user !== undefined) {
    const { permissions, shared } = permissionsOfUser(user, users, context.config.amqpUsers);
    if (shared)
      context.say(`No service connects as ${user}: these are the permissions for all processes and the command line.`);
    if (json) context.printJson(definitionsOf([permissions], vhost), 2);
    else for (const line of grantsOf(permissions, vhost)) context.print(line, Infinity);
    return;
  }
  if (fleet.api !== undefined && fleet.api.emits === undefined) {
    context.say('The API of this fleet declares no `emits`: the user of its service may publish every type.');
  }
  if (script) for (const line of scriptOf(users, vhost)) context.print(line, Infinity);
  else if (json) context.printJson(definitionsOf(users, vhost), 2);
  else printTable(users, fleet, context);
}

/** Formats the permissions for `POST /api/definitions`, without the users, which need passwords. */
function definitionsOf(users: readonly GrantablePermissions[], vhost: string) {
  return {
    permissions: users.map(({ user, configure, write, read }) => ({ user, vhost, configure, write, read })),
    topic_permissions: users.flatMap(({ user, topics }) => topics.map((topic) => ({ user, vhost, ...topic }))),
  };
}

function scriptOf(users: readonly UserPermissions[], vhost: string): string[] {
  return [
    '#!/bin/sh',
    '# Passwords come from the environment. Users that exist keep theirs.',
    'set -eu',
    'user() { rabbitmqctl -q list_users | cut -f1 | grep -qx "$1" || printf %s "$2" | rabbitmqctl add_user "$1"; }',
    ...users.flatMap(({ user, tags, ...permissions }) => [
      `user ${quoted(user)} "\${${variableOf(user)}:?}"`,
      ...(tags.length === 0 ? [] : [`rabbitmqctl set_user_tags ${[user, ...tags].map(quoted).join(' ')}`]),
      ...grantsOf({ user, ...permissions }, vhost),
    ]),
  ];
}

/** The commands that set the permissions of a user; its password and its tags stay. */
function grantsOf({ user, configure, write, read, topics }: GrantablePermissions, vhost: string): string[] {
  return [
    `rabbitmqctl set_permissions -p ${[vhost, user, configure, write, read].map(quoted).join(' ')}`,
    ...topics.map(
      (topic) =>
        `rabbitmqctl set_topic_permissions -p ${[vhost, user, topic.exchange, topic.write, topic.read].map(quoted).join(' ')}`,
    ),
  ];
}

/** `FLOTILLA_PAYMENT_PASSWORD` */
function variableOf(user: string): string {
  return `${user
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '_')
    .replace(/^(?=\d)/, '_')}_PASSWORD`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function printTable(users: readonly UserPermissions[], fleet: Fleet, context: Context): void {
  printList(context, users, {
    json: false,
    empty: '',
    freeText: ['processes', 'publishes'],
    columns: {
      user: ({ user }) => user,
      processes: ({ service }) => processesOf(service, fleet).join(', '),
      publishes: ({ topics }) => topics.map(({ write }) => publishedBy(write)).join(', ') || 'anything',
    },
  });
  context.say('The exact permissions: --script or --json.');
}

function processesOf(service: string | null, { workers, api }: Fleet): string[] {
  if (service === null) return ['command line of operators'];
  if (service === OPS_STORE) return ['keeper'];
  if (service === KAFKA_STORE) return ['kafka'];
  const names = workers.filter((worker) => workerDefinitionOf(worker).store === service).map(({ name }) => name);
  return [...(api?.store === service ? ['api'] : []), ...names];
}

function publishedBy(pattern: string): string {
  if (pattern === '.*') return 'anything';
  if (pattern === '^$') return 'nothing';
  return pattern.slice(2, -2).replaceAll('|', ', ').replaceAll('\\', '');
}
