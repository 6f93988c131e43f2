import { atEnd } from '../../test/support/clean-up.js';

/** Creates a virtual host in the broker, for everything that a client declares in it. Removed at the end of the program,
 *  unless this happens earlier. */
export async function createVirtualHost(
  { amqpUrl, managementUrl }: { amqpUrl: string; managementUrl: string },
  name: string,
): Promise<{ amqpUrl: string; remove: () => Promise<void> }> {
  const { origin, username, password } = new URL(managementUrl);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const request = async (method: 'PUT' | 'DELETE', path: string, body?: object) => {
    const response = await fetch(`${origin}/api/${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  };
  await request('PUT', `vhosts/${name}`);
  const remove = atEnd(() => request('DELETE', `vhosts/${name}`));
  const everything = { configure: '.*', write: '.*', read: '.*' };
  await request('PUT', `permissions/${name}/${new URL(amqpUrl).username}`, everything);
  const url = new URL(amqpUrl);
  url.pathname = name;
  return { amqpUrl: url.href, remove };
}
