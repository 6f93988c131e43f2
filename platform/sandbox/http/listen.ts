import type { AddressInfo, Server } from 'node:net';

/** Another process is listening on the port. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
  readonly code = 'EADDRINUSE';

  /** The server of the sandbox that needs the port. */
  readonly server: 'http' | 'smtp';
  readonly host: string;
  readonly port: number;

  constructor(server: 'http' | 'smtp', host: string, port: number, options?: ErrorOptions) {
    super(`The sandbox cannot listen for ${server.toUpperCase()} on ${host}:${port}: the port is taken`, options);
    this.server = server;
    this.host = host;
    this.port = port;
  }
}

/** Resolves with the port when the server is listening. Rejects with PortTakenError, or with another error of the
 *  system. */
export function listen(server: Server, which: 'http' | 'smtp', host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new PortTakenError(which, host, port, { cause: error }) : error);
    };
    server.once('error', refused);
    server.listen(port, host, () => {
      server.off('error', refused);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
