import autocannon from 'autocannon';
import type { BenchProcess } from './processes.js';

/** Creates a user and gives an order of theirs, ready to be sent. */
export async function orderOfNewUser({ url }: Pick<BenchProcess, 'url'>): Promise<string> {
  const response = await post(`${url}/users`, JSON.stringify({ name: 'Ada', email: 'ada@example.org' }));
  const { id } = (await response.json()) as { id: string };
  return JSON.stringify({
    userId: id,
    currency: 'USD',
    items: [{ sku: 'item_1', quantity: 1, unitPrice: 1999 }],
    payment: { token: 'tok_ok' },
    shippingAddress: { name: 'Ada', line1: '1 Engine Street', city: 'London', postalCode: 'N1', country: 'GB' },
  });
}

/** Sends JSON. Throws when it is not answered 2xx. */
export async function post(url: string, body: string): Promise<Response> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${await response.text()}`);
  return response;
}

/** Places so many orders over so many connections. Throws unless every one is answered 2xx. Gives how long it took, in
 *  seconds; autocannon itself rounds that to a whole second. */
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
  });
  if (result['2xx'] !== amount) throw new Error(`${result['2xx']} of ${amount} orders were answered 2xx`);
  return (performance.now() - began) / 1000;
}
