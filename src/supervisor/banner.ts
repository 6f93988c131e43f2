import { relative } from 'node:path';
import { addressesOf } from '../broker/rabbitmq/addresses.js';

export interface BannerOptions {
  /** Absolute. */
  dataDir: string;
  cwd: string;
  apiUrl: string | undefined;
  sandboxUrl: string | undefined;
  managementUrl: string;
  /** Whose broker it is: `private node`. */
  broker: string;
  workers: readonly string[];
  scale: Readonly<Record<string, number>>;
}

/** The lines with which `up` reports that all runs: where everything is, and what to try. */
export function banner(options: BannerOptions): string[] {
  const { apiUrl, sandboxUrl, workers, scale } = options;
  const folder = relative(options.cwd, options.dataDir);
  const data = folder === '' || folder.startsWith('..') ? options.dataDir : `./${folder}`;
  const [first = '', ...others] = addressesOf(options.managementUrl);
  const { origin, username, password } = new URL(first);
  const more = others.map((url) => new URL(url).host);
  // The password of a broker of the fleet's own is RabbitMQ's default; anybody else's is a secret.
  const user = options.broker === 'AMQP_URL' ? username : `${username} / ${password}`;
  const count = workers.reduce((sum, worker) => sum + (scale[worker] ?? 1), 0);
  const names = workers.map((worker) => ((scale[worker] ?? 1) === 1 ? worker : `${worker} ×${scale[worker]}`));
  const lines = [
    ['Flotilla is running', `stop: Ctrl-C   data: ${data}   reset: bin/flotilla reset`],
    ...(apiUrl === undefined ? [] : [[row('API', apiUrl)]]),
    [row('RabbitMQ', [origin, ...more].join(', ')), `${user}   (${options.broker})`],
    ...(sandboxUrl === undefined ? [] : [[row('Mailbox', `${sandboxUrl}/mailbox`)]]),
    [row('Workers', `${count} ready: ${names.join(', ')}`)],
    apiUrl === undefined
      ? [row('Try', 'bin/flotilla status')]
      : [row('Try', `curl ${apiUrl}/inventory`), 'then   bin/flotilla status'],
  ];
  return lines.map(([left = '', right]) =>
    right === undefined ? left : `${left.length < 37 ? left.padEnd(37) : `${left}  `} ${right}`,
  );
}

function row(name: string, value: string): string {
  return `${name.padEnd(11)} ${value}`;
}
