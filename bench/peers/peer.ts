import { z } from 'zod';
import type { Tally } from './tally.js';

/** The consumers of an order. Each handles every order. */
export const CONSUMERS = ['inventory', 'payment', 'shipping'] as const;
export type Consumer = (typeof CONSUMERS)[number];

/** Attempts of a handler, the first included, and the delay between them where a library lets it be configured. */
export const ATTEMPTS = 3;
export const RETRY_DELAY_MS = 1_000;
/** Messages that a consumer receives ahead: the default of Flotilla. */
export const PREFETCH = 100;

/** The body of POST /orders. `fails`: how the handlers of the order behave. */
export const newOrder = z.strictObject({
  customer: z.string().min(1).max(100),
  currency: z.string().length(3),
  items: z.array(z.strictObject({ sku: z.string().max(40), quantity: z.int().positive(), unitPrice: z.int() })).min(1),
  fails: z.enum(['never', 'once', 'always']),
});
export const placedOrder = newOrder.extend({ id: z.string() });
export type NewOrder = z.infer<typeof newOrder>;
export type Order = z.infer<typeof placedOrder>;

/** What a library needs to run: addresses, and names that no other run uses. */
export interface PeerContext {
  /** The folder of the installed libraries. */
  packages: string;
  /** An empty folder. */
  folder: string;
  /** A name of letters, digits and underscores for a namespace in a shared server. */
  name: string;
  /** The broker, with an empty virtual host. */
  amqpUrl: string;
  managementUrl: string;
  redisUrl: string | undefined;
  postgresUrl: string | undefined;
}

/** A durability setting as its server reports it, and the value that the benchmark requires. */
export interface Setting {
  name: string;
  value: string;
  required: string;
}

/** A library under test, in its own process. */
export interface RunningPeer {
  /** Serves POST /orders: it replies after the order is durable, and its three consumers handle the order. Undefined
   *  for a library that is measured only alone. */
  readonly url: string | undefined;
  /** Publishes a message for the consumer that `consume` starts. Resolves when it is durable. */
  publish(order: Order): Promise<void>;
  /** Starts a consumer of the published messages. */
  consume(handle: (order: Order) => void): Promise<void>;
  /** Resolves when the server has recorded the handled messages as done. Undefined for a library that does not start
   *  more than `PREFETCH` messages ahead of this record. */
  readonly settled?: () => Promise<void>;
  /** Reads the settings back from the server. */
  settings(): Promise<Setting[]>;
  /** Returns how many deliveries of orders have used up their attempts. */
  failures(): Promise<number>;
  stop(): Promise<void>;
}

export type StartPeer = (context: PeerContext, tally: Tally) => Promise<RunningPeer>;

/** Ends this process with the error: a library that has lost its server cannot be measured. */
export function fail(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
