import { relative } from 'node:path';
import { addressesOf } from '../broker/rabbitmq/connection/addresses.js';
import type { RunningFleet } from './up.js';

export interface BannerOptions extends RunningFleet {
  cwd: string;
  /** The command that runs the command line: `npx flotilla`. */
  command: string;
  /** The fleet's own lines, by heading. */
  rows: Readonly<Record<string, string>>;
}

/** The lines that `up` prints when the fleet is running. */
export function banner(options: BannerOptions): string[] {
  const { urls, command, workers, scale } = options;
  const folder = relative(options.cwd, options.dataDir);
  const data = folder === '' || folder.startsWith('..') ? options.dataDir : `./${folder}`;
  const [first = '', ...others] = addressesOf(options.managementUrl);
  const { origin, username, password } = new URL(first);
  const more = others.map((url) => new URL(url).host);
  // The password of a private broker is RabbitMQ's default; any other password is secret.
  const user = options.broker === 'AMQP_URL' ? username : `${username} / ${password}`;
  const count = workers.reduce((sum, worker) => sum + (scale[worker] ?? 1), 0);
  const names = workers.map((worker) => ((scale[worker] ?? 1) === 1 ? worker : `${worker} ×${scale[worker]}`));
  const lines = [
    ['Flotilla is running', `stop: Ctrl-C   data: ${data}   reset: ${command} reset`],
    ...(urls.api === undefined ? [] : [[row('API', urls.api)]]),
    [row('RabbitMQ', [origin, ...more].join(', ')), `${user}   (${options.broker})`],
    [row('Workers', `${count} ready: ${names.join(', ')}`)],
    ...Object.entries(options.rows).map(([name, value]) => [row(name, value)]),
    [row('Status', `${command} status`)],
  ];
  return lines.map(([left = '', right]) =>
    right === undefined ? left : `${left.length < 37 ? left.padEnd(37) : `${left}  `} ${right}`,
  );
}

function row(name: string, value: string): string {
  return `${name.padEnd(11)} ${value}`;
}
