import type { StartPeer } from './peer.js';

export interface PeerEntry {
  /** The package whose version is printed; undefined for this project. */
  package?: string;
  /** The server that stores its messages. */
  server: 'RabbitMQ' | 'Redis' | 'PostgreSQL';
  load: () => Promise<{ start: StartPeer }>;
}

/** The libraries of the benchmark by name, in the order of the report. */
export const peers = {
  flotilla: { server: 'RabbitMQ', load: () => import('./flotilla.js') },
  amqplib: { package: 'amqplib', server: 'RabbitMQ', load: () => import('./amqplib.js') },
  rascal: { package: 'rascal', server: 'RabbitMQ', load: () => import('./rascal.js') },
  golevelup: { package: '@golevelup/nestjs-rabbitmq', server: 'RabbitMQ', load: () => import('./golevelup.js') },
  bullmq: { package: 'bullmq', server: 'Redis', load: () => import('./bullmq.js') },
  graphile: { package: 'graphile-worker', server: 'PostgreSQL', load: () => import('./graphile.js') },
} satisfies Record<string, PeerEntry>;

export type PeerName = keyof typeof peers;
