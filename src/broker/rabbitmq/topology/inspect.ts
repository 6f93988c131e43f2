import { hasCode, messageOf } from '../../../errors.js';
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

/** How long a queue may take to answer a question about itself, in milliseconds. One whose node has failed and is not yet
 *  known to be down takes up to 75 s. */
const INSPECTION_TIMEOUT_MS = 5_000;
const LANES = 4;

export interface QueueCounts {
  ready: number;
  consumers: number;
}

/** What a passive declaration found out about a queue. */
export type QueueInspection =
  | ({ state: 'present' } & QueueCounts)
  | { state: 'missing' }
  /** It exists or may exist, and did not answer. */
  | { state: 'unanswered'; reason: string };

/** What is different, and what the broker has in addition. */
export interface Comparison {
  differences: TopologyDifference[];
  surplus: readonly BindingSpec[];
  /** Whether it says which bindings are missing, and where arguments differ. */
  knows: { bindings: boolean; conflicts: boolean };
}

/** Reads what the broker has. */
export interface Inspector {
  queue(name: string): Promise<QueueInspection>;
  /** By the lists of the management API. Where a node does not answer, that of the queues may fail: then the queues are
   *  looked for one by one. Throws `broker.management`. */
  byLists(topology: Topology, management: Management): Promise<Comparison>;
  /** By passive declarations, each with a limit of its own. Sees no bindings and no conflicts. */
  byLooks(topology: Topology): Promise<Comparison>;
  /** The conflicts of what exists, found by declaring it again, which changes nothing. Throws `broker.not_permitted`. */
  conflicts(topology: Topology, different: readonly TopologyDifference[]): Promise<TopologyDifference[]>;
}

export function createInspector(onScratchChannel: ScratchChannel, logger: Logger): Inspector {
  async function queue(name: string): Promise<QueueInspection> {
    try {
      const found = await onScratchChannel(`looking for queue ${name}`, INSPECTION_TIMEOUT_MS, (channel) =>
        channel.checkQueue(name),
      );
      return { state: 'present', ready: found.messageCount, consumers: found.consumerCount };
    } catch (error) {
      if (isNodeDown(error)) return { state: 'unanswered', reason: messageOf(error) };
      if (codeOf(error) === 404) return { state: 'missing' };
      if (hasCode(error, 'broker.timeout'))
        return { state: 'unanswered', reason: `no answer within ${INSPECTION_TIMEOUT_MS} ms` };
      throw asBrokerError(error);
    }
  }

  async function hasExchange(name: string): Promise<boolean> {
    try {
      await onScratchChannel(`looking for exchange ${name}`, INSPECTION_TIMEOUT_MS, (channel) =>
        channel.checkExchange(name),
      );
      return true;
    } catch (error) {
      if (codeOf(error) === 404) return false;
      throw asBrokerError(error);
    }
  }

  /** The broker's refusal to declare this again as it is wanted; undefined where it agrees or does not answer. Throws
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

  /** The broker names the first argument that differs. One that says where to create a queue hides the others, so the
   *  queue is compared without it as well. */
  async function conflictOf(spec: QueueSpec): Promise<string | undefined> {
    const detail = await refusal('queue', spec);
    if (detail === undefined || !namesCreationOnly(detail)) return detail;
    const rest = Object.fromEntries(Object.entries(spec.arguments).filter(([key]) => !CREATION_ONLY.has(key)));
    const other = await refusal('queue', { ...spec, arguments: rest });
    return other === undefined || namesCreationOnly(other) ? undefined : other;
  }

  async function byLooks({ exchanges, queues, retired: earlier = [] }: Topology): Promise<Comparison> {
    const found = new Map<object, TopologyDifference | undefined>();
    await forEachParallel(exchanges, LANES, async (spec) => {
      found.set(spec, (await hasExchange(spec.name)) ? undefined : missing('exchange', spec.name));
    });
    await forEachParallel(queues, LANES, async (spec) => {
      const look = await queue(spec.name);
      if (look.state === 'missing') found.set(spec, missing('queue', spec.name));
      else if (look.state === 'unanswered') found.set(spec, unanswered(spec.name, look.reason));
    });
    await forEachParallel(earlier, LANES, async (spec) => {
      if ((await queue(spec.name)).state !== 'missing') found.set(spec, retired(spec));
    });
    const inOrder = [...exchanges, ...queues, ...earlier].flatMap((spec) => found.get(spec) ?? []);
    return { differences: inOrder, surplus: [], knows: { bindings: false, conflicts: false } };
  }

  return {
    queue,
    byLooks,
    async byLists(topology, management) {
      const listed = management.queues().catch((error: unknown) => {
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
      const { differences } = await byLooks(topology);
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
      await forEachParallel(exchanges, LANES, async (spec) => {
        if (!skipped.has(`exchange ${spec.name}`)) note('exchange', spec.name, await refusal('exchange', spec));
      });
      await forEachParallel(queues, LANES, async (spec) => {
        if (!skipped.has(`queue ${spec.name}`)) note('queue', spec.name, await conflictOf(spec));
      });
      return found;
    },
  };
}

export function exchangeOptions({ arguments: fields = {} }: ExchangeSpec) {
  return { durable: true, arguments: fields };
}

function namesCreationOnly(refusal: string): boolean {
  return [...CREATION_ONLY].some((name) => refusal.includes(`inequivalent arg '${name}'`));
}

function missing(kind: 'exchange' | 'queue', name: string): TopologyDifference {
  return { kind, name, problem: 'missing', detail: 'does not exist' };
}
