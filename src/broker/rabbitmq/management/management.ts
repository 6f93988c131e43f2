import { z } from 'zod';
import { FlotillaError } from '../../../errors.js';
import type { FieldValue, Fields } from '../../messages/amqp-fields.js';
import { ManagementNodes, nameOf } from './management-nodes.js';

// any parsed JSON is a value of a field; a schema of its parts would take most of the time of a long list
const fieldValue = z.custom<FieldValue>();
const fields = z.custom<Fields>((value) => typeof value === 'object' && value !== null && !Array.isArray(value));

const queue = z.object({
  name: z.string(),
  type: z.string().optional(),
  durable: z.boolean(),
  arguments: fields,
  state: z.string().optional(),
  // absent until the first statistics of a new queue
  messages_ready: z.number().optional(),
  messages_unacknowledged: z.number().optional(),
  consumers: z.number().optional(),
  messages: z.number().optional(),
  message_bytes: z.number().optional(),
  node: z.string().optional(),
  policy: z.string().nullish(),
  operator_policy: z.string().nullish(),
  // an empty definition is written as a list
  effective_policy_definition: z.union([fields, z.array(fieldValue)]).nullish(),
  message_stats: z
    .object({
      publish_details: z.object({ rate: z.number() }).optional(),
      ack_details: z.object({ rate: z.number() }).optional(),
    })
    .optional(),
});
const exchange = z.object({ name: z.string(), type: z.string(), durable: z.boolean(), arguments: fields });
const binding = z.object({
  source: z.string(),
  destination: z.string(),
  destination_type: z.enum(['queue', 'exchange']),
  routing_key: z.string(),
  properties_key: z.string().optional(),
  arguments: fields,
});
const permission = z.object({ user: z.string(), configure: z.string(), write: z.string(), read: z.string() });
const topicPermission = z.object({ user: z.string(), exchange: z.string(), write: z.string(), read: z.string() });
// one text with commas before 3.9
const user = z.object({ name: z.string(), tags: z.union([z.string(), z.array(z.string())]) });
const overview = z.object({
  rabbitmq_version: z.string(),
  node: z.string(),
  cluster_name: z.string().optional(),
  // absent for a user without the tag `monitoring`
  listeners: z.array(z.object({ protocol: z.string() })).optional(),
});
const clusterNodeList = z.array(
  z.object({
    name: z.string(),
    running: z.boolean(),
    mem_alarm: z.boolean().optional(),
    disk_free_alarm: z.boolean().optional(),
    partitions: z.array(z.string()).optional(),
  }),
);

/** A queue as the management API reports it. */
export interface ManagedQueue {
  name: string;
  type: string;
  durable: boolean;
  arguments: Fields;
  /** Whether it is unavailable because its node, or most of its nodes, are down. */
  down: boolean;
  /** As of the broker's last statistics, some seconds ago; the passive declaration of `queueDepth` is exact. */
  ready: number;
  unacked: number;
  consumers: number;
  messages: number;
  bytes: number;
  /** `running`, or another state if its leader is down. */
  state: string;
  /** The node of its leader, which may be down. */
  node: string;
  /** Empty if none applies. */
  policy: string;
  operatorPolicy: string;
  /** The lower of the limits set by arguments and policies. */
  limits: { length: number | undefined; bytes: number | undefined; overflow: string | undefined };
  /** The settings of the effective policies. */
  policySettings: Fields;
  /** Messages per second over the last seconds; undefined if the broker has no statistics of any queue. */
  rates?: { in: number; out: number } | undefined;
}

/** A node of the cluster. */
export interface ManagedNode {
  name: string;
  running: boolean;
  alarms: ('memory' | 'disk')[];
  /** Nodes from which a network partition has separated it. */
  partitions: string[];
}

/** An exchange as the management API reports it. */
export interface ManagedExchange {
  name: string;
  type: string;
  durable: boolean;
  arguments: Fields;
}

/** A binding as the management API reports it. */
export interface ManagedBinding {
  source: string;
  destination: string;
  kind: 'queue' | 'exchange';
  routingKey: string;
  arguments: Fields;
  /** Identifies the binding among those of its source and destination in the management API. */
  propertiesKey?: string | undefined;
}

/** The permissions of a user in the virtual host, as regular expressions. */
export interface GrantedPermissions {
  user: string;
  configure: string;
  write: string;
  read: string;
  /** Restrict the routing keys of topic exchanges; any is allowed at the others. */
  topics: { exchange: string; write: string; read: string }[];
}

const MAX_PAGE_SIZE = '500';
const DOWN: ReadonlySet<string> = new Set(['down', 'minority', 'stopped', 'crashed']);

/** The part of RabbitMQ's management API that this fleet uses. Every call rejects with `broker.management` when the
 *  response is late or invalid. */
export interface Management {
  overview(): Promise<{ version: string; node: string }>;
  /** The protocols for which a node listens: `amqp`, `mqtt`, `mqtt/ssl`. Undefined if the user may not read them. */
  protocols(): Promise<string[] | undefined>;
  /** The nodes of the cluster, by name. */
  nodes(): Promise<ManagedNode[]>;
  /** Active alarms and nodes that are down: `memory on rabbit@a`. Empty if there are none. */
  alarms(): Promise<string[]>;
  /** The queues whose name begins with `prefix`, by name. */
  queues(prefix?: string): Promise<ManagedQueue[]>;
  exchanges(prefix?: string): Promise<ManagedExchange[]>;
  /** All bindings except those of the default exchange. */
  bindings(): Promise<ManagedBinding[]>;
  /** The permissions in the virtual host of all users of RabbitMQ's own database. Requires the tag `administrator`. */
  permissions(): Promise<GrantedPermissions[]>;
  /** Removes a binding returned by `bindings`; succeeds if it no longer exists. */
  unbind(binding: ManagedBinding): Promise<void>;
  /** Deletes a queue with its messages; succeeds if it does not exist. */
  deleteQueue(name: string): Promise<void>;
  deleteExchange(name: string): Promise<void>;
  /** All users of RabbitMQ's own database. Requires the tag `administrator`, as the functions below. */
  users(): Promise<ManagedUser[]>;
  /** Creates or replaces a user, with a password and these permissions in the virtual host. */
  putUser(user: { name: string; password: string; tags: readonly string[] }, granted: Grant): Promise<void>;
  /** Succeeds if the user does not exist. */
  deleteUser(name: string): Promise<void>;
}

/** A user of the broker. */
export interface ManagedUser {
  name: string;
  tags: readonly string[];
}

/** The permissions of a user in the virtual host, as regular expressions. */
export type Grant = Omit<GrantedPermissions, 'user'>;

export interface ManagementOptions {
  /** `http://user:password@host:15672`, or a comma-separated list of nodes: each request goes to the node that
   *  answered last, and to the others if that one does not answer or fails (5xx). */
  url: string;
  /** @default '/' */
  vhost?: string;
  /** For a single request, in milliseconds. @default 10000 */
  timeout?: number;
}

/** Creates a client of the management API. */
export function createManagement({ url, vhost = '/', timeout = 10_000 }: ManagementOptions): Management {
  const nodes = new ManagementNodes(url, timeout);
  const inVhost = (kind: string) => `/${kind}/${encodeURIComponent(vhost)}`;

  async function get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const result = schema.safeParse(await nodes.get(path));
    if (!result.success)
      throw new FlotillaError('broker.management', `GET ${nameOf(path)}: ${z.prettifyError(result.error)}`);
    return result.data;
  }

  /** The broker gathers statistics for the queues of a page only, not for those of other fleets. Undefined if there are
   *  more: between the requests for two pages, queues may be declared. */
  async function firstPage(path: string, prefix: string) {
    const name = `^${prefix.replaceAll(/[^\w-]/g, String.raw`\$&`)}`;
    const query = new URLSearchParams({ page: '1', page_size: MAX_PAGE_SIZE, use_regex: 'true', name });
    const page = await get(`${path}&${query.toString()}`, z.object({ page_count: z.number(), items: z.array(queue) }));
    return page.page_count > 1 ? undefined : page.items;
  }

  async function clusterNodes(): Promise<ManagedNode[]> {
    const found = await get('/nodes?columns=name,running,mem_alarm,disk_free_alarm,partitions', clusterNodeList);
    return found
      .map(({ name, running, mem_alarm: memory, disk_free_alarm: disk, partitions = [] }): ManagedNode => ({
        name,
        running,
        alarms: [...(memory === true ? ['memory' as const] : []), ...(disk === true ? ['disk' as const] : [])],
        partitions,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  return {
    async overview() {
      const found = await get('/overview', overview);
      return { version: found.rabbitmq_version, node: found.node };
    },
    async protocols() {
      const { listeners } = await get('/overview', overview);
      return listeners && [...new Set(listeners.map(({ protocol }) => protocol))];
    },
    nodes: clusterNodes,
    async alarms() {
      return (await clusterNodes()).flatMap((node) => [
        ...(node.running ? [] : [`${node.name} is down`]),
        ...node.alarms.map((alarm) => `${alarm} on ${node.name}`),
      ]);
    },
    async queues(prefix = '') {
      const columns =
        'name,type,durable,arguments,messages_ready,messages_unacknowledged,consumers,messages,message_bytes,state,node,' +
        'policy,operator_policy,effective_policy_definition,message_stats.publish_details.rate,message_stats.ack_details.rate';
      const path = `${inVhost('queues')}?columns=${columns}`;
      const found = (prefix === '' ? undefined : await firstPage(path, prefix)) ?? (await get(path, z.array(queue)));
      // the broker has no statistics of a queue without messages; it may also collect none at all
      const whereNone = found.some(({ message_stats: stats }) => stats !== undefined) ? {} : undefined;
      return found
        .filter(({ name }) => name.startsWith(prefix))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ messages_ready: ready = 0, messages_unacknowledged: unacked = 0, ...rest }) => ({
          name: rest.name,
          type: rest.type ?? 'classic',
          durable: rest.durable,
          arguments: rest.arguments,
          down: DOWN.has(rest.state ?? ''),
          ready,
          unacked,
          consumers: rest.consumers ?? 0,
          messages: rest.messages ?? ready + unacked,
          bytes: rest.message_bytes ?? 0,
          state: rest.state ?? 'running',
          node: rest.node ?? '',
          policy: rest.policy ?? '',
          operatorPolicy: rest.operator_policy ?? '',
          limits: limitsOf(rest.arguments, rest.effective_policy_definition),
          policySettings: settingsOf(rest.effective_policy_definition),
          rates: ratesOf(rest.message_stats ?? whereNone),
        }));
    },
    async exchanges(prefix = '') {
      const found = await get(`${inVhost('exchanges')}?columns=name,type,durable,arguments`, z.array(exchange));
      return found.filter(({ name }) => name.startsWith(prefix)).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async bindings() {
      const found = await get(inVhost('bindings'), z.array(binding));
      return found
        .filter(({ source }) => source !== '')
        .map((each) => ({
          source: each.source,
          destination: each.destination,
          kind: each.destination_type,
          routingKey: each.routing_key,
          arguments: each.arguments,
          propertiesKey: each.properties_key,
        }));
    },
    async permissions() {
      const [granted, topics] = await Promise.all([
        get(`/vhosts/${encodeURIComponent(vhost)}/permissions`, z.array(permission)),
        get(`/vhosts/${encodeURIComponent(vhost)}/topic-permissions`, z.array(topicPermission)),
      ]);
      return granted.map((each) => ({ ...each, topics: topics.filter(({ user }) => user === each.user) }));
    },
    async unbind({ source, destination, kind, propertiesKey = '' }) {
      const [from, to, key] = [source, destination, propertiesKey].map(encodeURIComponent);
      await nodes.delete(`${inVhost('bindings')}/e/${from}/${kind === 'queue' ? 'q' : 'e'}/${to}/${key}`);
    },
    async deleteQueue(name) {
      await nodes.delete(`${inVhost('queues')}/${encodeURIComponent(name)}`);
    },
    async deleteExchange(name) {
      await nodes.delete(`${inVhost('exchanges')}/${encodeURIComponent(name)}`);
    },
    async users() {
      const found = await get('/users', z.array(user));
      return found.map(({ name, tags }) => ({ name, tags: typeof tags === 'string' ? tags.split(',') : tags }));
    },
    async putUser({ name, password, tags }, { topics, ...granted }) {
      const id = encodeURIComponent(name);
      await nodes.put(`/users/${id}`, { password, tags: tags.join(',') });
      for (const topic of topics) await nodes.put(`${inVhost('topic-permissions')}/${id}`, topic);
      await nodes.put(`${inVhost('permissions')}/${id}`, granted);
    },
    async deleteUser(name) {
      await nodes.delete(`/users/${encodeURIComponent(name)}`);
    },
  };
}

function limitsOf(own: Fields, effective: Fields | FieldValue[] | null | undefined): ManagedQueue['limits'] {
  const policy = effective === null || effective === undefined || Array.isArray(effective) ? {} : effective;
  const smaller = (key: string) => {
    const values = [own[`x-${key}`], policy[key]].filter((value) => typeof value === 'number');
    return values.length === 0 ? undefined : Math.min(...values);
  };
  const overflow = own['x-overflow'] ?? policy['overflow'];
  return {
    length: smaller('max-length'),
    bytes: smaller('max-length-bytes'),
    overflow: typeof overflow === 'string' ? overflow : undefined,
  };
}

function ratesOf(stats: z.infer<typeof queue>['message_stats']): ManagedQueue['rates'] {
  if (stats === undefined) return undefined;
  return { in: stats.publish_details?.rate ?? 0, out: stats.ack_details?.rate ?? 0 };
}

/** The management API writes an empty definition as a list. */
function settingsOf(definition: z.infer<typeof queue>['effective_policy_definition']): Fields {
  return definition === undefined || definition === null || Array.isArray(definition) ? {} : definition;
}
