import { isDeepStrictEqual } from 'node:util';
import { matches } from '../../events/patterns.js';
import type { Fields } from '../messages/amqp-fields.js';
import type { BindingSpec, ExchangeSpec } from '../topology/topology.js';

/** The routing properties of a message. */
export interface Address {
  exchange: string;
  routingKey: string;
  headers: Fields;
}

/** Returns the queues that a message is routed to; undefined if the exchange does not exist. `bindings` may include
 *  those of other exchanges. An alternate exchange receives messages that match no binding. */
export function route(
  address: Address,
  exchanges: ReadonlyMap<string, ExchangeSpec>,
  bindings: Iterable<BindingSpec>,
): Set<string> | undefined {
  if (!exchanges.has(address.exchange)) return undefined;
  const all = [...bindings];
  const queues = new Set<string>();
  const visited = new Set<string>();
  const pending = [address.exchange];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const exchange = exchanges.get(name);
    if (exchange === undefined || visited.has(name)) continue;
    visited.add(name);
    const matched = all.filter((binding) => binding.source === exchange.name && takes(exchange, binding, address));
    for (const { kind, destination } of matched) {
      if (kind === 'queue') queues.add(destination);
      else pending.push(destination);
    }
    const alternate = exchange.arguments?.['alternate-exchange'];
    if (matched.length === 0 && typeof alternate === 'string') pending.push(alternate);
  }
  return queues;
}

function takes({ type }: ExchangeSpec, binding: BindingSpec, { routingKey, headers }: Address): boolean {
  switch (type) {
    case 'fanout':
      return true;
    case 'direct':
      return binding.routingKey === routingKey;
    case 'topic':
      return matches(binding.routingKey, routingKey);
    case 'headers':
      return takesHeaders(binding.arguments ?? {}, headers);
  }
}

function takesHeaders({ 'x-match': match = 'all', ...rest }: Fields, headers: Fields): boolean {
  const wanted = Object.entries(rest).filter(([key]) => !key.startsWith('x-'));
  const fits = ([key, value]: [string, Fields[string]]) => key in headers && isDeepStrictEqual(headers[key], value);
  return match === 'any' ? wanted.some(fits) : wanted.every(fits);
}
