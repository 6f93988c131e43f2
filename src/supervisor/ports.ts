import { createServer } from 'node:net';
import { FlotillaError } from '../errors.js';

/** Throws `config.invalid` with the name of the variable when its port cannot be listened on. */
export async function requireFreePort(variable: string, host: string, port: number): Promise<void> {
  const problem = await portProblem(host, port);
  if (problem !== undefined) throw new FlotillaError('config.invalid', `${variable}: ${problem}; set another`);
}

/** Why a port cannot be listened on; undefined when it can. */
export function portProblem(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'EADDRINUSE' ? 'is taken' : `cannot be listened on (${error.code ?? error.message})`;
      resolve(`port ${port} of ${host} ${reason}`);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
