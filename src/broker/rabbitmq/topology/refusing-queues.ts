import type { RefusingQueue } from '../../broker.js';
import { route } from '../../memory/routing.js';
import type { ExchangeSpec } from '../../topology/topology.js';
import type { ManagedExchange, ManagedQueue, Management } from '../management/management.js';

/** Finds the queues that would receive a message with this exchange and routing key and refuse it, with the reasons.
 *  The broker's statistics are some seconds old: if no queue is full or down according to them, those that may be
 *  full are returned. Throws `broker.management`. */
export async function findRefusing(
  management: Management,
  exchange: string,
  routingKey: string,
): Promise<RefusingQueue[]> {
  const [exchanges, bindings, queues] = await Promise.all([
    management.exchanges(),
    management.bindings(),
    management.queues(),
  ]);
  const known = new Map(exchanges.filter(isRoutable).map((each) => [each.name, each]));
  const reached =
    exchange === '' ? new Set([routingKey]) : route({ exchange, routingKey, headers: {} }, known, bindings);
  const findings = queues.filter(({ name }) => reached?.has(name)).flatMap(findingOf);
  const certain = findings.filter((finding) => finding.certain);
  return (certain.length > 0 ? certain : findings).map(({ name, reason }) => ({ name, reason }));
}

const TYPES: readonly string[] = ['topic', 'fanout', 'direct', 'headers'] satisfies ExchangeSpec['type'][];

function isRoutable(exchange: ManagedExchange): exchange is ManagedExchange & ExchangeSpec {
  return TYPES.includes(exchange.type);
}

function findingOf({
  name,
  down,
  state,
  node,
  limits,
  ...queue
}: ManagedQueue): (RefusingQueue & { certain: boolean })[] {
  if (down) return [{ name, reason: `it is ${state}, its leader was on ${node}`, certain: true }];
  if (limits.overflow !== 'reject-publish' && limits.overflow !== 'reject-publish-dlx') return [];
  const limited = [
    { what: 'messages', limit: limits.length, count: queue.messages },
    { what: 'bytes', limit: limits.bytes, count: queue.bytes },
  ];
  return limited.flatMap(({ what, limit, count }) => {
    if (limit === undefined) return [];
    const certain = count >= limit;
    const reason = `${certain ? 'full' : 'may be full'}: ${count} ${what}, ${limit} are allowed${setBy(queue)}`;
    return [{ name, reason, certain }];
  });
}

function setBy({ policy, operatorPolicy }: Pick<ManagedQueue, 'policy' | 'operatorPolicy'>): string {
  const names = [
    ...(policy === '' ? [] : [`policy "${policy}"`]),
    ...(operatorPolicy === '' ? [] : [`operator policy "${operatorPolicy}"`]),
  ];
  return names.length === 0 ? '' : ` by ${names.join(' and ')}`;
}
