const DEFAULT_PORT: Readonly<Record<string, string>> = {
  'amqp:': '5672',
  'amqps:': '5671',
  'http:': '80',
  'https:': '443',
};

/** Splits the comma-separated URLs of `AMQP_URL`. A comma inside a URL is percent-encoded. */
export function addressesOf(urls: string): string[] {
  return urls
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');
}

/** Returns the virtual host, which is the same in each URL. */
export function vhostOf(urls: string): string {
  const path = decodeURIComponent(new URL(addressesOf(urls)[0] ?? '').pathname.slice(1));
  return path === '' ? '/' : path;
}

/** Returns user and password of a URL, or RabbitMQ's defaults if it has none. */
export function credentialsOf(url: string): { user: string; password: string } {
  const { username, password } = new URL(url);
  if (username === '' && password === '') return { user: 'guest', password: 'guest' };
  return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
}

/** Returns host and port of a URL, for logs and errors, without user, password, path and query. */
export function hostOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port === '' ? (DEFAULT_PORT[protocol] ?? '') : port}`;
}

/** Returns the values in random order, so that processes with the same list start with different nodes. */
export function shuffled<T>(values: readonly T[], random: () => number = Math.random): T[] {
  return values
    .map((value) => ({ value, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ value }) => value);
}
