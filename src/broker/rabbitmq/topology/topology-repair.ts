import { setTimeout as sleep } from 'node:timers/promises';
import { backoffDelay } from '../../../concurrency/backoff.js';
import { FlotillaError, messageOf } from '../../../errors.js';
import { FaultLog } from '../../../telemetry/fault-log.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { Metrics } from '../../../telemetry/metrics.js';
import type { TopologyDifference } from '../../broker.js';
import { mergeTopology, withoutParts } from '../../topology/merge-topology.js';
import type { RetiredQueue, Topology, TopologyParts } from '../../topology/topology.js';
import type { Connection } from '../connection/connection.js';
import type { TopologyAdmin } from './topology-admin.js';

/** A missing part that a channel detected: a queue, the destination of a returned message, or an exchange. */
export type Missing =
  { kind: 'queue'; queue: string } | { kind: 'route'; exchange: string; routingKey: string } | { kind: 'exchange' };

/** Maintains the topology that this process has applied: redeclares parts that disappear at run time, declares queues that did
 *  not answer at first, and removes those of earlier releases. */
export interface TopologyRepair {
  /** As `Broker.applyTopology`. */
  apply(topology: Topology, signal?: AbortSignal): Promise<TopologyDifference[]>;
  /** As `Broker.removeTopology`. */
  remove(parts: TopologyParts): Promise<void>;
  /** Reports a missing part of the broker. Returns immediately; parts outside the applied topology are ignored. One
   *  restoration runs at a time, with growing delays in between. */
  readonly missing: (what: Missing) => void;
  close(): void;
}

export interface TopologyRepairOptions {
  admin: TopologyAdmin;
  connection: Connection;
  logger: Logger;
  metrics?: Metrics | undefined;
}

const RETRY_DELAY_MS = { first: 100, most: 30_000 };
/** After this time without a restoration, the next one starts without a delay. */
const BACKOFF_RESET_MS = 60_000;

export function createTopologyRepair({ admin, connection, logger, metrics }: TopologyRepairOptions): TopologyRepair {
  for (const kind of ['exchange', 'queue', 'binding'] as const) metrics?.topologyRecreated.inc({ kind }, 0);
  const closing = new AbortController();
  const { signal } = closing;
  const retiring = new Map<string, RetiredQueue>();
  /** Parts found missing. They remain until a restoration succeeds: one that failed may have declared a queue, but
   *  not its bindings. */
  const unrestored = new Map<string, TopologyDifference>();
  /** Queues that did not answer when the topology was applied: they and their bindings are declared when they do. */
  const unanswered = new Map<string, TopologyDifference>();
  const fault = new FaultLog(logger, 'error');
  let applied: Topology | undefined;
  let isWanted = false;
  let isRouteMissing = false;
  let isRunning = false;
  let runs = 0;
  let lastRun = -BACKOFF_RESET_MS;

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    try {
      while ((isWanted || unanswered.size > 0 || retiring.size > 0) && !signal.aborted) {
        if (performance.now() - lastRun > BACKOFF_RESET_MS) runs = 0;
        runs += 1;
        await sleep(backoffDelay(runs, RETRY_DELAY_MS), undefined, { signal, ref: false });
        await connection.state.until(['ready', 'blocked'], signal);
        if (isWanted) await restore();
        if (unanswered.size > 0) await declareUnanswered();
        await retireAll('debug');
        lastRun = performance.now();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      isRunning = false;
    }
  }

  async function restore(): Promise<void> {
    const bindings = isRouteMissing;
    isWanted = isRouteMissing = false;
    if (applied === undefined) return;
    try {
      for (const part of await admin.missing(applied)) unrestored.set(`${part.kind} ${part.name}`, part);
      const found = [...unrestored.values()];
      await admin.restore(applied, found, { bindings });
      unrestored.clear();
      for (const { kind } of found) metrics?.topologyRecreated.inc({ kind });
      if (found.length > 0) {
        logger.warn('topology was missing and has been recreated; the messages of a deleted queue are lost', {
          recreated: found.map(({ kind, name }) => `${kind} ${name}`),
        });
      }
      fault.recovered('the topology is complete again');
    } catch (error) {
      isWanted = true;
      isRouteMissing = bindings;
      fault.failed('topology is missing and cannot be recreated now; retrying', { error: messageOf(error) });
    }
  }

  async function declareUnanswered(): Promise<void> {
    if (applied === undefined) return;
    const parts = [...unanswered.values()];
    try {
      await admin.restore(applied, parts, { bindings: false });
      unanswered.clear();
      for (const { name } of parts) logger.warn('a queue answers; it and its bindings are declared', { queue: name });
    } catch (error) {
      logger.debug('queues that do not answer cannot be declared now; retrying', { reason: messageOf(error) });
    }
  }

  async function retireAll(level: 'warn' | 'debug'): Promise<void> {
    for (const queue of [...retiring.values()]) {
      const { name, successor } = queue;
      try {
        const moved = await admin.retire(queue);
        retiring.delete(name);
        logger.info('moved the messages of a queue of an earlier release and deleted it', { name, successor, moved });
      } catch (error) {
        logger.log(level, 'a queue of an earlier release cannot be emptied now; retrying', {
          name,
          successor,
          reason: messageOf(error),
        });
      }
    }
  }

  function isOurs(what: Missing): boolean {
    if (applied === undefined) return false;
    const choices = (applied.choices ?? []).flat();
    const exchanges = [applied, ...choices].flatMap((parts) => parts.exchanges);
    const queues = [applied, ...choices].flatMap((parts) => parts.queues);
    switch (what.kind) {
      case 'queue':
        return queues.some(({ name }) => name === what.queue);
      case 'route':
        return what.exchange === ''
          ? queues.some(({ name }) => name === what.routingKey)
          : exchanges.some(({ name }) => name === what.exchange);
      case 'exchange':
        return true;
    }
  }

  return {
    async apply(topology, applySignal) {
      applied = applied === undefined ? topology : mergeTopology(applied, topology);
      const differences = await admin.apply(topology, applySignal);
      const wanted = new Map(topology.retired?.map((queue) => [queue.name, queue]));
      for (const part of differences) {
        const queue = wanted.get(part.name);
        if (part.problem === 'retired' && queue !== undefined) retiring.set(part.name, queue);
        if (part.problem === 'unanswered') unanswered.set(part.name, { ...part, problem: 'missing' });
      }
      await retireAll('warn');
      if (unanswered.size + retiring.size > 0) void run();
      return differences.filter(({ name, problem }) => problem !== 'retired' || retiring.has(name));
    },
    async remove(parts) {
      if (applied !== undefined) applied = withoutParts(applied, parts);
      await admin.remove(parts);
    },
    missing(what) {
      if (signal.aborted || !isOurs(what)) return;
      isWanted = true;
      isRouteMissing ||= what.kind === 'route';
      void run();
    },
    close: () => closing.abort(new FlotillaError('broker.closed')),
  };
}
