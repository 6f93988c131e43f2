import { createServer } from 'node:net';
import { FlotillaError } from '../errors.js';
import { describeTakenPort } from '../net/port-taken.js';

/** Throws `config.invalid` with the name of the variable if its port is not available. */
export async function requireFreePort(variable: string, host: string, port: number): Promise<void> {
  const problem = await portProblem(host, port);
  if (problem !== undefined) throw new FlotillaError('config.invalid', `${variable}: ${problem}; or set another`);
}

/** Throws `config.invalid` if two variables set the same port; 0 selects a free port. */
export function requireDistinctPorts(ports: readonly (readonly [variable: string, port: number])[]): void {
  for (const [index, [variable, port]] of ports.entries()) {
    const other = ports.slice(0, index).find(([, taken]) => taken === port && port !== 0);
    if (other !== undefined) throw new FlotillaError('config.invalid', `${other[0]} and ${variable} are both ${port}`);
  }
}

/** Why a port is not available; undefined if it is. */
export function portProblem(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(
        error.code === 'EADDRINUSE'
          ? describeTakenPort(host, port)
          : `port ${port} of ${host} cannot be listened on (${error.code ?? error.message})`,
      );
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
