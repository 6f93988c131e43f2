/** Sends a request to RabbitMQ's management API. Rejects unless it succeeds. */
export async function manage(
  managementUrl: string,
  method: 'PUT' | 'POST' | 'DELETE' | 'GET',
  path: string,
  body?: object,
) {
  const { origin, username, password } = new URL(managementUrl);
  const response = await fetch(`${origin}/api/${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}
