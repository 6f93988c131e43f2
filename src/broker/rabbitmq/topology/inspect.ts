import { FlotillaError, hasCode, messageOf } from '../../../errors.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { TopologyDifference } from '../../broker.js';
import type { BindingSpec, ExchangeSpec, QueueSpec, Topology } from '../../topology/topology.js';
import {
  compareTopology,
  CREATION_ONLY,
  missingBindings,
  retired,
  unanswered,
} from '../../topology/compare-topology.js';
import { forEachParallel } from '../../../concurrency/for-each-parallel.js';
import type { Management } from '../management/management.js';
import { asBrokerError, codeOf, isNodeDown, type ScratchChannel } from '../connection/scratch-channel.js';

/** Maximum time for a queue to answer, in milliseconds. A queue whose node has failed but is not yet known to be
 *  down takes up to 75 s. */
const INSPECTION_TIMEOUT_MS = 5_000;
const MAX_PARALLEL_REQUESTS = 4;

/** How long RabbitMQ waits for the leader of a quorum queue, in milliseconds. Without its answer, it reports neither messages
 *  nor consumers. */
const LEADER_TIMEOUT_MS = 250;

export interface QueueCounts {
  ready: number;
  consumers: number;
}

/** The result of a passive declaration. `isCounted`: false if the queue may have messages and consumers despite the
 *  counts, because its leader may not have answered. */
export type QueueInspection =
  | ({ state: 'present'; isCounted: boolean } & QueueCounts)
  | { state: 'missing' }
  /** It exists or may exist, and did not answer. */
  | { state: 'unanswered'; reason: string };

/** The differences, and surplus bindings of the broker. */
export interface Comparison {
  differences: TopologyDifference[];
  surplus: readonly BindingSpec[];
  /** Whether the comparison covers missing bindings and different arguments. */
  knows: { bindings: boolean; conflicts: boolean };
}

/** Reads the broker's topology. */
export interface Inspector {
  queue(name: string): Promise<QueueInspection>;
  /** Returns the counts of a queue; undefined if it does not exist. Throws `broker.no_answer`. */
  counts(name: string): Promise<QueueCounts | undefined>;
  hasExchange(name: string): Promise<boolean>;
  /** Compares with the lists of the management API. If a node does not answer, the list of queues may fail: the
   *  queues are then checked one by one. Throws `broker.management`. */
  byLists(topology: Topology, management: Management): Promise<Comparison>;
  /** Compares by passive declarations, each with a separate limit. Does not cover bindings and conflicts. */
  byDeclaration(topology: Topology): Promise<Comparison>;
  /** Finds conflicts by declaring existing parts again, which changes nothing. Throws `broker.not_permitted`. */
  conflicts(topology: Topology, different: readonly TopologyDifference[]): Promise<TopologyDifference[]>;
}

export function createInspector(onScratchChannel: ScratchChannel, logger: Logger): Inspector {
  async function queue(name: string): Promise<QueueInspection> {
    try {
      return await onScratchChannel(
        `looking for queue ${name}`,
        INSPECTION_TIMEOUT_MS,
        async (channel) => {
          const began = performance.now();
          const { messageCount: ready, consumerCount: consumers } = await channel.checkQueue(name);
          const isCounted = ready + consumers > 0 || performance.now() - began < LEADER_TIMEOUT_MS;
          return { state: 'present', ready, consumers, isCounted };
        },
        { reusable: true },
      );
    } catch (error) {
      if (isNodeDown(error)) return { state: 'unanswered', reason: messageOf(error) };
      if (codeOf(error) === 404) return { state: 'missing' };
      if (hasCode(error, 'broker.timeout'))
        return { state: 'unanswered', reason: `no answer within ${INSPECTION_TIMEOUT_MS} ms` };
      throw asBrokerError(error);
    }
  }

  async function counts(name: string): Promise<QueueCounts | undefined> {
    const end = performance.now() + INSPECTION_TIMEOUT_MS;
    for (;;) {
      const found = await queue(name);
      if (found.state === 'missing') return undefined;
      if (found.state === 'present' && found.isCounted) return { ready: found.ready, consumers: found.consumers };
      if (found.state === 'unanswered') throw new FlotillaError('broker.no_answer', `queue ${name}: ${found.reason}`);
      if (performance.now() > end)
        throw new FlotillaError('broker.no_answer', `queue ${name}: no answer from its leader`);
    }
  }

  async function hasExchange(name: string): Promise<boolean> {
    try {
      await onScratchChannel(
        `looking for exchange ${name}`,
        INSPECTION_TIMEOUT_MS,
        (channel) => channel.checkExchange(name),
        { reusable: true },
      );
      return true;
    } catch (error) {
      if (codeOf(error) === 404) return false;
      throw asBrokerError(error);
    }
  }

  /** Returns the broker's reason for refusing this declaration; undefined if it accepts or does not answer. Throws
   *  `broker.not_permitted`. */
  async function refusal(kind: 'exchange' | 'queue', spec: ExchangeSpec | QueueSpec): Promise<string | undefined> {
    try {
      await onScratchChannel(`comparing ${kind} ${spec.name}`, INSPECTION_TIMEOUT_MS, async (channel) => {
        if ('type' in spec) await channel.assertExchange(spec.name, spec.type, exchangeOptions(spec));
        else await channel.assertQueue(spec.name, { durable: true, arguments: spec.arguments });
      });
      return undefined;
    } catch (error) {
      if (codeOf(error) === 406) return messageOf(error);
      if (hasCode(error, 'broker.timeout') || isNodeDown(error)) {
        logger.warn('cannot compare: no answer', { kind, name: spec.name, reason: messageOf(error) });
        return undefined;
      }
      throw asBrokerError(error);
    }
  }

  /** The broker names only the first argument that differs. A difference in an argument that matters only at
   *  creation may hide others, so the queue is also compared without these. */
  async function conflictOf(spec: QueueSpec): Promise<string | undefined> {
    const detail = await refusal('queue', spec);
    if (detail === undefined || !namesCreationOnly(detail)) return detail;
    const rest = Object.fromEntries(Object.entries(spec.arguments).filter(([key]) => !CREATION_ONLY.has(key)));
    const other = await refusal('queue', { ...spec, arguments: rest });
    return other === undefined || namesCreationOnly(other) ? undefined : other;
  }

  async function byDeclaration({ exchanges, queues, retired: earlier = [] }: Topology): Promise<Comparison> {
    const found = new Map<object, TopologyDifference | undefined>();
    await forEachParallel(exchanges, MAX_PARALLEL_REQUESTS, async (spec) => {
      found.set(spec, (await hasExchange(spec.name)) ? undefined : missing('exchange', spec.name));
    });
    await forEachParallel(queues, MAX_PARALLEL_REQUESTS, async (spec) => {
      const inspection = await queue(spec.name);
      if (inspection.state === 'missing') found.set(spec, missing('queue', spec.name));
      else if (inspection.state === 'unanswered') found.set(spec, unanswered(spec.name, inspection.reason));
    });
    await forEachParallel(earlier, MAX_PARALLEL_REQUESTS, async (spec) => {
      if ((await queue(spec.name)).state !== 'missing') found.set(spec, retired(spec));
    });
    const inOrder = [...exchanges, ...queues, ...earlier].flatMap((spec) => found.get(spec) ?? []);
    return { differences: inOrder, surplus: [], knows: { bindings: false, conflicts: false } };
  }

  return {
    queue,
    counts,
    hasExchange,
    byDeclaration,
    async byLists(topology, management) {
      const names = [...topology.queues, ...(topology.retired ?? [])].map(({ name }) => name);
      const listed = management.queues(commonPrefix(names)).catch((error: unknown) => {
        if (!hasCode(error, 'broker.management')) throw error;
        logger.warn('the management API does not list the queues; checking them one by one', {
          reason: error.message,
        });
        return undefined;
      });
      const [exchanges, bindings, queues] = await Promise.all([management.exchanges(), management.bindings(), listed]);
      if (queues !== undefined) {
        const compared = compareTopology(topology, { exchanges, queues, bindings });
        return { ...compared, knows: { bindings: true, conflicts: true } };
      }
      const { differences } = await byDeclaration(topology);
      return {
        differences: [...differences, ...missingBindings(topology, bindings)],
        surplus: [],
        knows: { bindings: true, conflicts: false },
      };
    },
    async conflicts({ exchanges, queues }, different) {
      const skipped = new Set(different.map(({ kind, name }) => `${kind} ${name}`));
      const found: TopologyDifference[] = [];
      const note = (kind: 'exchange' | 'queue', name: string, detail: string | undefined) => {
        if (detail !== undefined) found.push({ kind, name, problem: 'conflict', detail });
      };
      await forEachParallel(exchanges, MAX_PARALLEL_REQUESTS, async (spec) => {
        if (!skipped.has(`exchange ${spec.name}`)) note('exchange', spec.name, await refusal('exchange', spec));
      });
      await forEachParallel(queues, MAX_PARALLEL_REQUESTS, async (spec) => {
        if (!skipped.has(`queue ${spec.name}`)) note('queue', spec.name, await conflictOf(spec));
      });
      return found;
    },
  };
}

export function exchangeOptions({ arguments: fields = {} }: ExchangeSpec) {
  return { durable: true, arguments: fields };
}

/** What all names begin with; empty without names. */
function commonPrefix([first = '', ...others]: readonly string[]): string {
  let length = first.length;
  while (!others.every((name) => name.startsWith(first.slice(0, length)))) length -= 1;
  return first.slice(0, length);
}

function namesCreationOnly(refusal: string): boolean {
  return [...CREATION_ONLY].some((name) => refusal.includes(`inequivalent arg '${name}'`));
}

function missing(kind: 'exchange' | 'queue', name: string): TopologyDifference {
  return { kind, name, problem: 'missing', detail: 'does not exist' };
}
