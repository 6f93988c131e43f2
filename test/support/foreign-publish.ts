import { testBroker } from './rabbitmq.js';

/** Publishes to a queue like another client, with headers larger than this library's client can encode. */
export async function foreignPublish(
  routingKey: string,
  body: string,
  /** The headers as JSON text, also if `JSON.stringify` cannot produce it. */
  properties: Record<string, unknown> | string,
  exchange = 'amq.default',
): Promise<void> {
  const { origin, username, password } = new URL((await testBroker()).managementUrl);
  const credentials = `${decodeURIComponent(username) || 'guest'}:${decodeURIComponent(password) || 'guest'}`;
  const written =
    typeof properties === 'string' ? `{"headers":${properties}}` : JSON.stringify({ delivery_mode: 2, ...properties });
  const response = await fetch(`${origin}/api/exchanges/%2F/${encodeURIComponent(exchange)}/publish`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: `{"properties":${written},"routing_key":${JSON.stringify(routingKey)},"payload":${JSON.stringify(body)},"payload_encoding":"string"}`,
  });
  const answer = (await response.json()) as { routed?: boolean };
  if (answer.routed !== true) throw new Error(`not routed: ${JSON.stringify(answer)}`);
}
