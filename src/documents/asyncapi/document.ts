import { namesFor } from '../../broker/topology/topology.js';
import { CLOUDEVENTS_JSON } from '../../events/envelope.js';
import type { DescribedMessage, DescribedProcess, FleetDescription } from '../describe-fleet.js';
import { AMQP_BINDING, messageComponents, messageKey, schemaComponents } from './messages.js';

type Node = Readonly<Record<string, unknown>>;

/** Returns the AsyncAPI 3.0 document of a fleet. Each routing key of the exchange is a channel to which messages are sent,
 *  and each queue one from which a worker receives them. A channel per routing key keeps the messages of an operation few:
 *  tools resolve every reference of an operation to a copy. */
export function asyncApi(fleet: FleetDescription): Node {
  const { title, version, description, contact, license } = fleet.info;
  return {
    asyncapi: '3.0.0',
    info: {
      title,
      version,
      description: [description, CONVENTIONS].filter(Boolean).join('\n\n'),
      ...(contact !== undefined && { contact }),
      ...(license !== undefined && { license: licenseOf(license) }),
    },
    defaultContentType: CLOUDEVENTS_JSON,
    channels: { ...routingKeys(fleet), ...queues(fleet) },
    operations: Object.fromEntries(fleet.processes.flatMap((process) => operationsOf(fleet, process))),
    components: {
      messages: messageComponents(fleet),
      schemas: schemaComponents(fleet),
      securitySchemes: {
        amqpUser: { type: 'userPassword', description: 'An AMQP user, such as `flotilla topology permissions` prints' },
      },
    },
  };
}

/** AsyncAPI has no SPDX identifiers. */
function licenseOf({ name, identifier, url }: NonNullable<FleetDescription['info']['license']>): Node {
  const page = url ?? (identifier === undefined ? undefined : `https://spdx.org/licenses/${identifier}.html`);
  return { name, ...(page !== undefined && { url: page }) };
}

const CONVENTIONS =
  'Messages are CloudEvents 1.0 in structured mode, published to the exchange with their type as routing key. Readers ignore fields that they do not know. A worker reads older versions as the one that it requests, by default the newest.';

function routingKeys({ prefix, messages }: FleetDescription): Record<string, Node> {
  const exchange = { name: namesFor(prefix).events, type: 'topic', durable: true, autoDelete: false };
  return Object.fromEntries(
    messages.map((message) => [
      message.type,
      {
        address: message.type,
        title: `${message.kind === 'event' ? 'Event' : 'Command'} ${message.type}`,
        messages: messagesOf([message]),
        bindings: { amqp: { is: 'routingKey', exchange, bindingVersion: AMQP_BINDING } },
      },
    ]),
  );
}

function queues({ prefix, messages, processes }: FleetDescription): Record<string, Node> {
  const names = namesFor(prefix);
  const channel = (name: string, title: string, types: readonly DescribedMessage[], patterns: readonly string[]) => ({
    address: name,
    title,
    messages: messagesOf(types),
    bindings: {
      amqp: {
        is: 'queue',
        queue: { name, durable: true, exclusive: false, autoDelete: false },
        bindingVersion: AMQP_BINDING,
      },
    },
    'x-routing-keys': patterns,
  });
  const ofWorkers = processes.flatMap(({ name, receives }): [string, Node][] => {
    if (receives?.from !== 'queue') return [];
    const types = messages.filter(({ type }) => receives.types.includes(type));
    return [[name, channel(names.queue(name), `The queue of ${name}`, types, receives.patterns)]];
  });
  const readsLog = processes.some(({ receives }) => receives?.from === 'log');
  return {
    ...Object.fromEntries(ofWorkers),
    ...(readsLog && { [LOG]: channel(names.log, 'The stream of all messages', messages, ['#']) }),
  };
}

/** The key of the stream: no type, which would contain a dot, and no worker, which would contain no underscore. */
const LOG = 'events_log';

function messagesOf(messages: readonly DescribedMessage[]): Record<string, Node> {
  const keys = messages.flatMap(({ type, versions }) => versions.map(({ version }) => messageKey(type, version)));
  return Object.fromEntries(keys.map((key) => [key, { $ref: `#/components/messages/${key}` }]));
}

const security = [{ $ref: '#/components/securitySchemes/amqpUser' }];

function operationsOf({ messages }: FleetDescription, { name, receives, emits }: DescribedProcess): [string, Node][] {
  const channel = receives?.from === 'log' ? LOG : name;
  const received = messages.flatMap(({ type, versions }) =>
    versions
      .filter(({ readers }) => receives?.readsAll === true || readers.some((reader) => reader.name === name))
      .map(({ version }) => messageKey(type, version)),
  );
  const refs = (key: string, keys: readonly string[]) =>
    keys.map((each) => ({ $ref: `#/channels/${key}/messages/${each}` }));
  const receive: [string, Node] = [
    `${name}.receive`,
    {
      action: 'receive',
      channel: { $ref: `#/channels/${channel}` },
      title: `${name} receives messages`,
      messages: refs(channel, received),
      security,
      bindings: { amqp: { ack: true, bindingVersion: AMQP_BINDING } },
    },
  ];
  const send = messages
    .filter(({ type }) => emits.includes(type))
    .map(({ type, versions }): [string, Node] => [
      `${name}.send.${type}`,
      {
        action: 'send',
        channel: { $ref: `#/channels/${type}` },
        title: `${name} sends ${type}`,
        messages: refs(type, [messageKey(type, versions.at(-1)?.version ?? 1)]),
        security,
        bindings: { amqp: { deliveryMode: 2, mandatory: false, timestamp: true, bindingVersion: AMQP_BINDING } },
      },
    ]);
  return receives === undefined ? send : [receive, ...send];
}
