import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Currently connected clients. */
  readonly connections: number;
  /** All clients that have connected so far, including refused ones. */
  readonly accepted: number;
  /** The URL through this proxy. */
  through(url: string): string;
  /** Resets all connections abruptly; accepts new ones. */
  cut(): void;
  /** Resets all connections and refuses new ones until `open`. */
  shut(): void;
  open(): void;
  /** Stops forwarding to the broker without closing connections; `thaw` forwards the buffered data. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

/** A proxy between a client and a broker on loopback that simulates network failures. */
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
