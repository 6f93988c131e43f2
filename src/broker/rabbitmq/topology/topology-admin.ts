import { FlotillaError, hasCode, messageOf } from '../../../errors.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { TopologyDifference } from '../../broker.js';
import { bindingName } from '../../topology/binding-name.js';
import { touching } from '../../topology/merge-topology.js';
import { withVariants } from '../../topology/partition-sets.js';
import type { RetiredQueue, Topology, TopologyParts } from '../../topology/topology.js';
import type { Connection } from '../connection/connection.js';
import { declareAll, removeBindings, removeParts } from './declare.js';
import { createInspector, type Comparison, type QueueCounts } from './inspect.js';
import type { Management } from '../management/management.js';
import { retireQueue } from './retire-queue.js';
import { asBrokerError, scratchChannels } from '../connection/scratch-channel.js';

const WAIT_TIMEOUT_MS = 10_000;
/** If most nodes of the cluster are down, a declaration ends the connection, each time it is repeated. */
const MAX_LOSSES = 2;

export interface TopologyAdmin {
  /** Applies a topology as `Broker.applyTopology` does, except queues of earlier releases. Skips comparisons that
   *  the AMQP user is not permitted to make; throws `broker.not_permitted` for missing parts that it may not
   *  declare. */
  apply(topology: Topology, signal?: AbortSignal): Promise<TopologyDifference[]>;
  plan(topology: Topology): Promise<TopologyDifference[]>;
  /** Resolves with the missing exchanges and queues. */
  missing(topology: Topology): Promise<TopologyDifference[]>;
  /** Declares these missing parts, with their bindings; if there are none and `bindings` is set, all bindings. Removes
   *  nothing. May be repeated after a failure. */
  restore(topology: Topology, missing: readonly TopologyDifference[], options: { bindings: boolean }): Promise<void>;
  /** Moves the messages of a queue of an earlier release; resolves with their number once it is deleted. */
  retire(queue: RetiredQueue): Promise<number>;
  /** As `Broker.removeTopology`. */
  remove(parts: TopologyParts): Promise<void>;
  hasExchange(name: string): Promise<boolean>;
  /** Throws `broker.no_answer` if the queue exists and its node does not answer. */
  depth(queue: string): Promise<QueueCounts | undefined>;
}

/** Reads and changes the topology on separate channels, so that failing or hanging requests affect nothing else. */
export function createTopologyAdmin(
  connection: Connection,
  management: Management | undefined,
  logger: Logger,
): TopologyAdmin {
  const onScratchChannel = scratchChannels(connection, logger);
  const inspector = createInspector(onScratchChannel, logger);

  async function compare(topology: Topology): Promise<Comparison> {
    if (management === undefined) return inspector.byDeclaration(topology);
    try {
      return await inspector.byLists(topology, management);
    } catch (error) {
      if (!hasCode(error, 'broker.management')) throw error;
      logger.warn('the management API does not answer; comparing by declaring', { reason: messageOf(error) });
      return inspector.byDeclaration(topology);
    }
  }

  async function applyOnce(wanted: Topology): Promise<TopologyDifference[]> {
    const topology = await withVariants(wanted, inspector);
    const { differences, surplus, knows } = await compare(topology);
    const conflicts = knows.conflicts
      ? differences.filter(({ problem }) => problem === 'conflict')
      : ((await ifPermitted(() => inspector.conflicts(topology, differences))) ?? []);
    if (conflicts.length > 0) {
      const list = conflicts.map(({ kind, name, detail }) => `${kind} ${name}: ${detail}`).join('; ');
      throw new FlotillaError('broker.topology_conflict', list);
    }
    const missing = missingFrom(topology, differences, knows.bindings);
    const bindings = knows.bindings ? missing.bindings : touching(missing, missing.bindings);
    await declareMissing({ ...missing, bindings });
    const unknown = missing.bindings.filter((binding) => !bindings.includes(binding));
    await ifPermitted(() => declareMissing({ exchanges: [], queues: [], bindings: unknown }));
    await ifPermitted(() => removeBindings(surplus, onScratchChannel));
    for (const { name, detail } of differences.filter(({ problem }) => problem === 'unanswered')) {
      logger.warn('a queue does not answer; it was not changed', { queue: name, reason: detail });
    }
    return differences;
  }

  /** For optional work: a service may connect as a user without permission to configure. */
  async function ifPermitted<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const reason = asBrokerError(error);
      if (!hasCode(reason, 'broker.not_permitted')) throw error;
      logger.info(
        'the AMQP user may not declare the topology; an operator can compare it with `flotilla topology plan`',
        {
          reason: reason.message,
        },
      );
      return undefined;
    }
  }

  async function declareMissing(missing: Topology): Promise<void> {
    const failed = await declareAll(missing, onScratchChannel);
    if (failed.size === 0) return;
    const list = [...failed].map(([name, reason]) => `${name} (${reason})`).join('; ');
    throw new FlotillaError('broker.topology_incomplete', list);
  }

  return {
    async apply(topology, signal) {
      for (let losses = 1; ; losses += 1) {
        await connection.state.until(['ready', 'blocked'], signal);
        let lost = false;
        const stop = connection.state.listen((state) => (lost ||= state === 'connecting'));
        try {
          return await applyOnce(topology);
        } catch (error) {
          // idempotent: starts again on the next connection, but only after a loss
          if (!lost) throw asBrokerError(error);
          if (losses === MAX_LOSSES) throw new FlotillaError('broker.topology_incomplete', messageOf(error));
          logger.debug('connection lost while applying the topology', { reason: messageOf(error) });
        } finally {
          stop();
        }
      }
    },
    async plan(topology) {
      await waitForConnection(connection);
      return (await compare(await withVariants(topology, inspector))).differences;
    },
    async missing(topology) {
      const { differences } = await inspector.byDeclaration(await withVariants(topology, inspector));
      return differences.filter(({ problem }) => problem === 'missing');
    },
    async restore(wanted, differences, { bindings }) {
      const topology = await withVariants(wanted, inspector);
      const missing = missingFrom(topology, differences, false);
      const concerned = differences.length > 0 ? touching(missing, missing.bindings) : bindings ? missing.bindings : [];
      await declareMissing({ ...missing, bindings: concerned });
    },
    async retire(queue) {
      const inspection = await inspector.queue(queue.name);
      if (inspection.state === 'unanswered') throw new FlotillaError('broker.no_answer', inspection.reason);
      return inspection.state === 'missing' ? 0 : retireQueue(queue, onScratchChannel);
    },
    async remove(parts) {
      await waitForConnection(connection);
      await removeParts(parts, onScratchChannel).catch((error: unknown) => {
        throw asBrokerError(error);
      });
    },
    async hasExchange(name) {
      await waitForConnection(connection);
      return inspector.hasExchange(name);
    },
    async depth(queue) {
      await waitForConnection(connection);
      return inspector.counts(queue);
    },
  };
}

/** Returns the part of a topology to declare. If bindings cannot be queried, includes all of them, except those of
 *  queues that do not answer. */
function missingFrom(topology: Topology, differences: readonly TopologyDifference[], bindingsKnown: boolean): Topology {
  const named = (wanted: TopologyDifference['problem']) =>
    new Set(differences.filter(({ problem }) => problem === wanted).map(({ kind, name }) => `${kind} ${name}`));
  const [missing, silent] = [named('missing'), named('unanswered')];
  return {
    exchanges: topology.exchanges.filter(({ name }) => missing.has(`exchange ${name}`)),
    queues: topology.queues.filter(({ name }) => missing.has(`queue ${name}`)),
    bindings: topology.bindings.filter(
      (binding) =>
        !silent.has(`${binding.kind} ${binding.destination}`) &&
        (!bindingsKnown || missing.has(`binding ${bindingName(binding)}`)),
    ),
  };
}

async function waitForConnection(connection: Connection): Promise<void> {
  const limit = AbortSignal.timeout(WAIT_TIMEOUT_MS);
  await connection.state.until(['ready', 'blocked'], limit).catch((error: unknown) => {
    throw limit.aborted ? new FlotillaError('broker.unreachable', `no connection within ${WAIT_TIMEOUT_MS} ms`) : error;
  });
}
