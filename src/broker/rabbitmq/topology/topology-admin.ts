import { FlotillaError, hasCode, messageOf } from '../../../errors.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { TopologyDifference } from '../../broker.js';
import { bindingName } from '../../topology/binding-name.js';
import { touching } from '../../topology/merge-topology.js';
import type { RetiredQueue, Topology } from '../../topology/topology.js';
import type { Connection } from '../connection/connection.js';
import { declareAll, removeBindings } from './declare.js';
import { createInspector, type Comparison, type QueueCounts } from './inspect.js';
import type { Management } from '../management/management.js';
import { retireQueue } from './retire-queue.js';
import { asBrokerError, scratchChannels } from '../connection/scratch-channel.js';

const WAIT_LIMIT = 10_000;
/** A declaration ends the connection where most nodes of the cluster are down, each time that it is repeated. */
const MOST_LOSSES = 2;

export interface TopologyAdmin {
  /** As `Broker.applyTopology`, without the queues of earlier releases. What the AMQP user may not compare is not
   *  compared; what is missing and may not be declared throws `broker.not_permitted`. */
  apply(topology: Topology, signal?: AbortSignal): Promise<TopologyDifference[]>;
  plan(topology: Topology): Promise<TopologyDifference[]>;
  /** Declares what is missing now, with its bindings; every binding where none is known to be missing and `bindings` says
   *  so. Takes nothing away. Resolves with what was missing. */
  restore(topology: Topology, options: { bindings: boolean }): Promise<TopologyDifference[]>;
  /** Moves the messages of an earlier release's queue, and resolves with their number once it is deleted. */
  retire(queue: RetiredQueue): Promise<number>;
  /** Throws `broker.no_answer` where the queue exists and its node does not answer. */
  depth(queue: string): Promise<QueueCounts | undefined>;
}

/** Looks at the broker and changes it on channels of its own: what fails or hangs there stops nothing else. */
export function createTopologyAdmin(
  connection: Connection,
  management: Management | undefined,
  logger: Logger,
): TopologyAdmin {
  const onScratchChannel = scratchChannels(connection, logger);
  const inspector = createInspector(onScratchChannel, logger);

  async function compare(topology: Topology): Promise<Comparison> {
    if (management === undefined) return inspector.byLooks(topology);
    try {
      return await inspector.byLists(topology, management);
    } catch (error) {
      if (!hasCode(error, 'broker.management')) throw error;
      logger.warn('the management API does not answer; comparing by declaring', { reason: messageOf(error) });
      return inspector.byLooks(topology);
    }
  }

  async function applyOnce(topology: Topology): Promise<TopologyDifference[]> {
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

  /** For what need not be done: a service may run as a user that an operator has given no permission to configure. */
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
          // it is idempotent: begin again on the next connection, but only there
          if (!lost) throw asBrokerError(error);
          if (losses === MOST_LOSSES) throw new FlotillaError('broker.topology_incomplete', messageOf(error));
          logger.debug('connection lost while applying the topology', { reason: messageOf(error) });
        } finally {
          stop();
        }
      }
    },
    async plan(topology) {
      await soon(connection);
      return (await compare(topology)).differences;
    },
    async restore(topology, { bindings }) {
      const { differences } = await inspector.byLooks(topology);
      const missing = missingFrom(topology, differences, false);
      const isMissing = missing.exchanges.length + missing.queues.length > 0;
      const concerned = isMissing ? touching(missing, missing.bindings) : bindings ? missing.bindings : [];
      await declareMissing({ ...missing, bindings: concerned });
      return differences.filter(({ problem }) => problem === 'missing');
    },
    async retire(queue) {
      const look = await inspector.queue(queue.name);
      if (look.state === 'unanswered') throw new FlotillaError('broker.no_answer', look.reason);
      return look.state === 'missing' ? 0 : retireQueue(queue, onScratchChannel);
    },
    async depth(queue) {
      await soon(connection);
      const look = await inspector.queue(queue);
      if (look.state === 'unanswered') throw new FlotillaError('broker.no_answer', `queue ${queue}: ${look.reason}`);
      return look.state === 'missing' ? undefined : { ready: look.ready, consumers: look.consumers };
    },
  };
}

/** The part of a topology that is to be declared. Bindings that cannot be asked for are declared all, except those of
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

async function soon(connection: Connection): Promise<void> {
  const limit = AbortSignal.timeout(WAIT_LIMIT);
  await connection.state.until(['ready', 'blocked'], limit).catch((error: unknown) => {
    throw limit.aborted ? new FlotillaError('broker.unreachable', `no connection within ${WAIT_LIMIT} ms`) : error;
  });
}
