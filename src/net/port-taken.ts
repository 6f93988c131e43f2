import { FlotillaError } from '../errors.js';

/** Creates a handler for `catch` that converts a failure to listen into `config.invalid` with the name of the
 *  variable; other errors are rethrown. */
export function portTaken(host: string, ports: Readonly<Record<string, number>>) {
  return (error: unknown): never => {
    if (error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')) {
      const port = 'port' in error ? error.port : undefined;
      const variable = Object.keys(ports).find((name) => ports[name] === port) ?? Object.keys(ports).join(' or ');
      const why = error.code === 'EADDRINUSE' ? 'is taken' : 'may not be listened on';
      throw new FlotillaError('config.invalid', `${variable}: port ${String(port)} of ${host} ${why}; set another`, {
        cause: error,
      });
    }
    throw error;
  };
}
