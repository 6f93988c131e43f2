const DEFAULT_PORT: Readonly<Record<string, string>> = {
  'amqp:': '5672',
  'amqps:': '5671',
  'http:': '80',
  'https:': '443',
};

/** The URLs of a broker's nodes, of which `AMQP_URL` names one or several with commas between them. A comma inside a
 *  URL is percent-encoded. */
export function addressesOf(urls: string): string[] {
  return urls
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');
}

/** The virtual host, which is the same in each of the URLs. */
export function vhostOf(urls: string): string {
  const path = decodeURIComponent(new URL(addressesOf(urls)[0] ?? '').pathname.slice(1));
  return path === '' ? '/' : path;
}

/** User and password in a URL; RabbitMQ's defaults where it names none. */
export function credentialsOf(url: string): { user: string; password: string } {
  const { username, password } = new URL(url);
  if (username === '' && password === '') return { user: 'guest', password: 'guest' };
  return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
}

/** Host and port in a URL, for logs and errors: no user, password, path or query. */
export function hostOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port === '' ? (DEFAULT_PORT[protocol] ?? '') : port}`;
}

/** The same values in random order, so that processes with the same list begin with different ones. */
export function shuffled<T>(values: readonly T[], random: () => number = Math.random): T[] {
  return values
    .map((value) => ({ value, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ value }) => value);
}
