import autocannon from 'autocannon';
import { Customer, orderOf } from '../../platform/orders/simulation/customer.js';
import type { BenchProcess } from './processes.js';

/** Creates a user. Resolves with the JSON of an order by this user. */
export async function orderOfNewUser({ url }: Pick<BenchProcess, 'url'>): Promise<string> {
  const { id } = await new Customer(url).register();
  return JSON.stringify(orderOf(id, 'tok_ok'));
}

/** Sends JSON. Throws if the response is not 2xx. */
export async function post(url: string, body: string): Promise<Response> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${await response.text()}`);
  return response;
}

/** Milliseconds between two checks of autocannon for its end; by default, it rounds the duration up to a whole second. */
const CHECK_MS = 20;

/** Places orders over several connections. Resolves with the duration in seconds. Throws unless every response is 2xx. */
export async function placeOrders(
  { url }: Pick<BenchProcess, 'url'>,
  order: string,
  amount: number,
  connections: number,
) {
  const began = performance.now();
  const result = await autocannon({
    url: `${url}/orders`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: order,
    amount,
    connections,
    sampleInt: CHECK_MS,
  });
  if (result['2xx'] !== amount) throw new Error(`${result['2xx']} of ${amount} orders received a 2xx response`);
  return (performance.now() - began) / 1000;
}
