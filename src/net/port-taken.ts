import { FlotillaError } from '../errors.js';
import { listenerCommand } from './listener-of.js';

/** Describes a port on which another process listens, and how to find that process. */
export function describeTakenPort(host: string, port: number): string {
  return `port ${port} of ${host} is taken; find the process with: ${listenerCommand(port)}`;
}

/** Creates a handler for `catch` that converts a failure to listen into `config.invalid` with the name of the
 *  variable; other errors are rethrown. */
export function portTaken(host: string, ports: Readonly<Record<string, number>>) {
  return (error: unknown): never => {
    if (error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')) {
      const port = 'port' in error ? error.port : undefined;
      const variable = Object.keys(ports).find((name) => ports[name] === port) ?? Object.keys(ports).join(' or ');
      const why =
        error.code === 'EADDRINUSE'
          ? describeTakenPort(host, Number(port))
          : `port ${String(port)} of ${host} may not be listened on`;
      throw new FlotillaError('config.invalid', `${variable}: ${why}; or set another`, { cause: error });
    }
    throw error;
  };
}
