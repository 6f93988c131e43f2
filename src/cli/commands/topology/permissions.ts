import type { Command } from 'commander';
import type { UserPermissions } from '../../../broker/users/permissions.js';
import { vhostOf } from '../../../broker/rabbitmq/connection/addresses.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { OPS_STORE } from '../../../fleet/reserved-names.js';
import { brokerAddress } from '../../../runtime/broker/broker-address.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { fleetUsers } from './fleet-users.js';
import { printList } from '../../shared/output/print-list.js';
import { workerDefinitionOf } from '../../../worker/definition/worker-definition.js';

interface Flags {
  json?: boolean;
  script?: boolean;
}

export function registerPermissions(topology: Command, context: Context): void {
  topology
    .command('permissions')
    .description('print an AMQP user for each service with the least permissions that it needs; changes nothing')
    .option('--json', 'print permissions and topic permissions as definitions for RabbitMQ to import')
    .option('--script', 'print a shell script that calls rabbitmqctl')
    .addHelpText(
      'after',
      examples(
        ['flotilla topology permissions', 'print the permissions of each service'],
        ['flotilla topology permissions --script > permissions.sh', 'write a script for rabbitmqctl'],
      ),
    )
    .action((flags: Flags) => runPermissions(flags, context));
}

async function runPermissions({ json = false, script = false }: Flags, context: Context): Promise<void> {
  if (json && script) throw new UsageError('give --json or --script');
  const fleet = await context.fleet();
  const vhost = vhostOf((await brokerAddress(context)).amqpUrl);
  const users = fleetUsers(fleet, context.config.prefix);
  if (fleet.api !== undefined && fleet.api.emits === undefined) {
    context.say('The API of this fleet declares no `emits`: the user of its service may publish every type.');
  }
  if (script) for (const line of scriptOf(users, vhost)) context.print(line, Infinity);
  else if (json) context.printJson(definitionsOf(users, vhost), 2);
  else printTable(users, fleet, context);
}

/** Formats the permissions for `POST /api/definitions`, without the users, which need passwords. */
function definitionsOf(users: readonly UserPermissions[], vhost: string) {
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
    ...users.flatMap(({ user, tags, configure, write, read, topics }) => [
      `user ${quoted(user)} "\${${variableOf(user)}:?}"`,
      ...(tags.length === 0 ? [] : [`rabbitmqctl set_user_tags ${[user, ...tags].map(quoted).join(' ')}`]),
      `rabbitmqctl set_permissions -p ${[vhost, user, configure, write, read].map(quoted).join(' ')}`,
      ...topics.map(
        (topic) =>
          `rabbitmqctl set_topic_permissions -p ${[vhost, user, topic.exchange, topic.write, topic.read].map(quoted).join(' ')}`,
      ),
    ]),
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
  const names = workers.filter((worker) => workerDefinitionOf(worker).store === service).map(({ name }) => name);
  return [...(api?.store === service ? ['api'] : []), ...names];
}

function publishedBy(pattern: string): string {
  if (pattern === '.*') return 'anything';
  if (pattern === '^$') return 'nothing';
  return pattern.slice(2, -2).replaceAll('|', ', ').replaceAll('\\', '');
}
