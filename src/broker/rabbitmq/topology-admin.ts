import type { Channel } from 'amqplib';
import { FlotillaError, messageOf } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import type { TopologyDifference } from '../contract.js';
import type { BindingSpec, ExchangeSpec, QueueSpec, Topology } from '../topology.js';
import type { Connection } from './connection.js';
import { REQUEST_LIMIT, within } from './limits.js';
import type { Management } from './management.js';
import { compareTopology } from '../topology-compare.js';
import { formatDuration } from '../../duration.js';

const WAIT_LIMIT = 10_000;
/** A hundred quorum queues on a small, busy machine. */
const DECLARE_LIMIT = 120_000;

export interface TopologyAdmin {
  apply(topology: Topology, signal?: AbortSignal): Promise<void>;
  plan(topology: Topology): Promise<TopologyDifference[]>;
  depth(queue: string): Promise<{ ready: number; consumers: number } | undefined>;
}

/** Looks at the broker and changes it on channels of its own: what fails there ends nobody else's. */
export function createTopologyAdmin(
  connection: Connection,
  management: Management | undefined,
  logger: Logger,
): TopologyAdmin {
  /** Runs `work` on a channel that nobody else uses. */
  async function onScratchChannel<T>(work: (channel: Channel) => Promise<T>, limit = REQUEST_LIMIT): Promise<T> {
    const channel = await within(REQUEST_LIMIT, 'opening a channel', connection.openChannel());
    let open = true;
    // amqplib gives the error to the request that caused it as well; without a listener it would end the connection
    channel.on('error', (error: Error) => logger.debug('a request was refused', { reason: error.message }));
    channel.on('close', () => (open = false));
    try {
      return await within(limit, 'a request', work(channel));
    } finally {
      if (open) await within(REQUEST_LIMIT, 'closing a channel', channel.close()).catch(() => undefined);
    }
  }

  /** The answer of a passive declaration; undefined where there is no such thing. */
  async function look<T>(work: (channel: Channel) => Promise<T>): Promise<T | undefined> {
    try {
      return await onScratchChannel(work);
    } catch (error) {
      if (codeOf(error) === 404) return undefined;
      throw asBrokerError(error);
    }
  }

  const lookForExchange = ({ name }: ExchangeSpec) =>
    look(async (channel) => {
      await channel.checkExchange(name);
      return true;
    });
  const lookForQueue = ({ name }: QueueSpec) => look((channel) => channel.checkQueue(name));

  async function isThere<T>(specs: readonly T[], lookFor: (spec: T) => Promise<unknown>): Promise<Map<T, boolean>> {
    const found = new Map<T, boolean>();
    for (const spec of specs) found.set(spec, (await lookFor(spec)) !== undefined);
    return found;
  }

  async function passivePlan({ exchanges, queues }: Topology): Promise<TopologyDifference[]> {
    const differences: TopologyDifference[] = [];
    const missing = (kind: 'exchange' | 'queue', found: Map<{ name: string }, boolean>) => {
      for (const [{ name }, there] of found) {
        if (!there) differences.push({ kind, name, problem: 'missing', detail: 'not there' });
      }
    };
    missing('exchange', await isThere(exchanges, lookForExchange));
    missing('queue', await isThere(queues, lookForQueue));
    return differences;
  }

  async function managedPlan(topology: Topology, api: Management) {
    const [exchanges, queues, bindings] = await Promise.all([api.exchanges(), api.queues(), api.bindings()]);
    return compareTopology(topology, { exchanges, queues, bindings });
  }

  /** Without a plan a conflict only shows when something is declared: first what is there already, which changes
   *  nothing, then what is missing. */
  async function declare(
    topology: Topology,
    missing: ReadonlySet<string>,
    surplus: readonly BindingSpec[],
  ): Promise<void> {
    const { exchanges, queues, bindings } = topology;
    for (const absent of [false, true]) {
      await onScratchChannel(async (channel) => {
        for (const spec of exchanges)
          if (missing.has(`exchange ${spec.name}`) === absent) await declareExchange(channel, spec);
        for (const spec of queues) if (missing.has(`queue ${spec.name}`) === absent) await declareQueue(channel, spec);
      }, DECLARE_LIMIT);
    }
    await onScratchChannel(async (channel) => {
      for (const spec of bindings) await bind(channel, spec);
      for (const spec of surplus) await unbind(channel, spec);
    }, DECLARE_LIMIT);
  }

  async function apply(topology: Topology): Promise<void> {
    const managed = management === undefined ? undefined : await managedPlan(topology, management).catch(unmanaged);
    const differences = managed?.differences ?? (await passivePlan(topology));
    const conflicts = differences.filter(({ problem }) => problem === 'conflict');
    if (conflicts.length > 0) {
      const list = conflicts.map(({ kind, name, detail }) => `${kind} ${name}: ${detail}`).join('; ');
      throw new FlotillaError('broker.topology_conflict', list);
    }
    const missing = differences.filter(({ problem }) => problem === 'missing');
    await declare(topology, new Set(missing.map(({ kind, name }) => `${kind} ${name}`)), managed?.surplus ?? []);
  }

  function unmanaged(error: unknown): undefined {
    logger.warn('the management API does not answer; comparing by declaring', { reason: messageOf(error) });
    return undefined;
  }

  return {
    async apply(topology, signal) {
      for (;;) {
        await connection.state.until(['ready', 'blocked'], signal);
        let lost = false;
        const stop = connection.state.listen((state) => (lost ||= state === 'connecting'));
        try {
          await apply(topology);
          return;
        } catch (error) {
          // it is idempotent: begin again on the next connection, but only there
          if (!lost) throw asBrokerError(error);
          logger.debug('lost the broker while applying the topology', { reason: messageOf(error) });
        } finally {
          stop();
        }
      }
    },
    async plan(topology) {
      await soon(connection);
      if (management === undefined) return passivePlan(topology);
      return (await managedPlan(topology, management)).differences;
    },
    async depth(queue) {
      await soon(connection);
      const found = await lookForQueue({ name: queue, arguments: {} });
      return found === undefined ? undefined : { ready: found.messageCount, consumers: found.consumerCount };
    },
  };
}

async function soon(connection: Connection): Promise<void> {
  const limit = AbortSignal.timeout(WAIT_LIMIT);
  await connection.state.until(['ready', 'blocked'], limit).catch((error: unknown) => {
    throw limit.aborted
      ? new FlotillaError('broker.unreachable', `no connection within ${formatDuration(WAIT_LIMIT)}`)
      : error;
  });
}

async function declareExchange(channel: Channel, spec: ExchangeSpec): Promise<void> {
  await channel.assertExchange(spec.name, spec.type, { durable: true, arguments: spec.arguments ?? {} });
}

async function declareQueue(channel: Channel, spec: QueueSpec): Promise<void> {
  await channel.assertQueue(spec.name, { durable: true, arguments: spec.arguments });
}

async function bind(channel: Channel, { kind, destination, source, routingKey, ...spec }: BindingSpec): Promise<void> {
  if (kind === 'queue') await channel.bindQueue(destination, source, routingKey, spec.arguments ?? {});
  else await channel.bindExchange(destination, source, routingKey, spec.arguments ?? {});
}

async function unbind(
  channel: Channel,
  { kind, destination, source, routingKey, ...spec }: BindingSpec,
): Promise<void> {
  if (kind === 'queue') await channel.unbindQueue(destination, source, routingKey, spec.arguments ?? {});
  else await channel.unbindExchange(destination, source, routingKey, spec.arguments ?? {});
}

/** The AMQP reply code that an error of amqplib carries. */
function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

/** 406: it is there with other arguments. Other refusals (403, 404) stay what they are: doing it again is of no use.
 *  An error without a reply code is the end of the connection. */
function asBrokerError(error: unknown): Error {
  if (error instanceof FlotillaError) return error;
  const code = codeOf(error);
  if (code === 406) return new FlotillaError('broker.topology_conflict', messageOf(error), { cause: error });
  if (code !== undefined && error instanceof Error) return error;
  return new FlotillaError('broker.disconnected', messageOf(error), { cause: error });
}
