import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Clients that are connected. */
  readonly connections: number;
  /** Clients that have been connected so far, refused ones included. */
  readonly accepted: number;
  /** The URL, led through this proxy. */
  through(url: string): string;
  /** Cuts every connection at once, without a goodbye; new ones are taken. */
  cut(): void;
  /** Cuts every connection and refuses new ones until `open`. */
  shut(): void;
  open(): void;
  /** Nothing goes through to the broker any more, and nothing is closed; `thaw` lets what waited go on. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

/** Stands between a client and a broker on loopback, and fails in the ways networks do. */
export async function tcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  let accepted = 0;
  let shut = false;
  let frozen = false;
  const server = createServer((client) => {
    accepted += 1;
    if (shut) {
      client.destroy();
      return;
    }
    clients.add(client);
    client.on('close', () => clients.delete(client));
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk) => to.write(chunk));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      if (frozen) from.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    get connections() {
      return clients.size;
    },
    get accepted() {
      return accepted;
    },
    through(url) {
      const changed = new URL(url);
      changed.hostname = '127.0.0.1';
      changed.port = String(address.port);
      return changed.toString();
    },
    cut,
    shut() {
      shut = true;
      cut();
    },
    open() {
      shut = false;
    },
    freeze() {
      frozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw() {
      frozen = false;
      for (const socket of sockets) socket.resume();
    },
    async close() {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
