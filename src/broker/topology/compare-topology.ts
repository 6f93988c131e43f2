import { isDeepStrictEqual } from 'node:util';
import type { TopologyDifference } from '../broker.js';
import type { Fields } from '../messages/amqp-fields.js';
import type { BindingSpec, RetiredQueue, Topology } from './topology.js';
import { bindingName, bindingKey } from './binding-name.js';

/** The compared part of the broker's topology. */
export interface ActualTopology {
  exchanges: readonly { name: string; type: string; durable: boolean; arguments: Fields }[];
  queues: readonly { name: string; durable: boolean; arguments: Fields; down?: boolean }[];
  bindings: readonly (Omit<BindingSpec, 'arguments'> & { arguments: Fields })[];
}

/** Compares the topologies. Surplus bindings are unwanted bindings of wanted queues, and between wanted exchanges; queues
 *  and bindings of other applications are ignored. */
export function compareTopology(
  wanted: Topology,
  actual: ActualTopology,
): { differences: TopologyDifference[]; surplus: BindingSpec[] } {
  const differences: TopologyDifference[] = [];
  const exchanges = new Map(actual.exchanges.map((exchange) => [exchange.name, exchange]));
  for (const { name, type, arguments: fields = {} } of wanted.exchanges) {
    const found = exchanges.get(name);
    const detail =
      found === undefined ? undefined : difference({ type, fields }, { ...found, fields: found.arguments });
    if (found === undefined) differences.push({ kind: 'exchange', name, problem: 'missing', detail: `type ${type}` });
    else if (detail !== undefined) differences.push({ kind: 'exchange', name, problem: 'conflict', detail });
  }
  const queues = new Map(actual.queues.map((queue) => [queue.name, queue]));
  for (const { name, arguments: fields } of wanted.queues) {
    const found = queues.get(name);
    const detail = found === undefined ? undefined : difference({ fields }, { ...found, fields: found.arguments });
    if (found === undefined)
      differences.push({ kind: 'queue', name, problem: 'missing', detail: JSON.stringify(fields) });
    else if (detail !== undefined) differences.push({ kind: 'queue', name, problem: 'conflict', detail });
    else if (found.down === true) differences.push(unanswered(name, 'it is down: its nodes do not run'));
  }
  for (const queue of wanted.retired ?? []) if (queues.has(queue.name)) differences.push(retired(queue));
  differences.push(...missingBindings(wanted, actual.bindings));
  const names = new Set(wanted.queues.map(({ name }) => name));
  const keys = new Set(wanted.bindings.map(bindingKey));
  const ownExchanges = new Set(wanted.exchanges.map(({ name }) => name));
  const isOwn = ({ kind, source, destination }: ActualTopology['bindings'][number]) =>
    kind === 'queue' ? names.has(destination) : ownExchanges.has(source) && ownExchanges.has(destination);
  const surplus = actual.bindings.filter((binding) => isOwn(binding) && !keys.has(bindingKey(binding)));
  for (const binding of surplus) {
    differences.push({
      kind: 'binding',
      name: bindingName(binding),
      problem: 'surplus',
      detail: 'bound, but not declared by the fleet',
    });
  }
  return { differences, surplus };
}

/** Returns the wanted bindings that do not exist. */
export function missingBindings(wanted: Topology, actual: ActualTopology['bindings']): TopologyDifference[] {
  const present = new Set(actual.map(bindingKey));
  return wanted.bindings
    .filter((binding) => !present.has(bindingKey(binding)))
    .map((binding) => ({ kind: 'binding', name: bindingName(binding), problem: 'missing', detail: 'not bound' }));
}

/** The difference of a queue that exists and does not answer. */
export function unanswered(name: string, detail: string): TopologyDifference {
  return { kind: 'queue', name, problem: 'unanswered', detail };
}

/** The difference of a remaining queue of an earlier release. */
export function retired({ name, successor }: RetiredQueue): TopologyDifference {
  return { kind: 'queue', name, problem: 'retired', detail: `its messages move to ${successor}` };
}

/** Arguments that matter only when a queue is created: existing queues may differ in them. */
export const CREATION_ONLY: ReadonlySet<string> = new Set(['x-queue-leader-locator']);

interface Compared {
  type?: string;
  durable?: boolean;
  fields: Fields;
}

/** Describes a difference that cannot be changed; undefined if there is none. */
function difference(wanted: Compared, actual: Compared): string | undefined {
  if (wanted.type !== undefined && wanted.type !== actual.type) {
    return `type is ${actual.type ?? 'unknown'}, wanted ${wanted.type}`;
  }
  if (actual.durable === false) return 'it is transient, wanted durable';
  for (const key of new Set([...Object.keys(wanted.fields), ...Object.keys(actual.fields)])) {
    if (CREATION_ONLY.has(key)) continue;
    const [want, have] = [wanted.fields[key], actual.fields[key]];
    // a virtual host may have a default queue type, which RabbitMQ adds to the arguments
    const byDefault = key === 'x-queue-type' && want === undefined;
    if (!byDefault && !isDeepStrictEqual(want, have)) {
      return `${key} is ${JSON.stringify(have) ?? 'not set'}, wanted ${JSON.stringify(want) ?? 'not set'}`;
    }
  }
  return undefined;
}
