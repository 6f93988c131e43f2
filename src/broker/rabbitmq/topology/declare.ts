import type { ConfirmChannel } from 'amqplib';
import { FlotillaError, hasCode, messageOf } from '../../../errors.js';
import { bindingName } from '../../topology/binding-name.js';
import type { BindingSpec, Topology, TopologyParts } from '../../topology/topology.js';
import { exchangeOptions } from './inspect.js';
import { forEachParallel } from '../../../concurrency/for-each-parallel.js';
import { REQUEST_TIMEOUT_MS } from '../limits.js';
import { asBrokerError, codeOf, type ScratchChannel } from '../connection/scratch-channel.js';

const MAX_PARALLEL_REQUESTS = 4;

/** Declares all parts of a topology, exchanges first, each on a separate channel with a separate limit. Resolves
 *  with the names of the parts that did not answer, and the reasons; parts that depend on them are skipped. Rejects
 *  if the broker refuses. */
export async function declareAll(
  { exchanges, queues, bindings }: Topology,
  onScratchChannel: ScratchChannel,
): Promise<Map<string, string>> {
  const failed = new Map<string, string>();
  const attempt = async (name: string, work: Parameters<ScratchChannel>[2]) => {
    try {
      await onScratchChannel(`declaring ${name}`, REQUEST_TIMEOUT_MS, work);
    } catch (error) {
      if (hasCode(error, 'broker.timeout')) {
        failed.set(name, error.message);
        return;
      }
      const reason = asBrokerError(error);
      if (hasCode(reason, 'broker.not_permitted'))
        throw new FlotillaError(reason.code, `declaring ${name}: ${messageOf(error)}`, {
          cause: error,
        });
      if (!hasCode(reason, 'broker.disconnected')) throw reason;
      throw new FlotillaError('broker.disconnected', `while declaring ${name}`, { cause: error });
    }
  };
  await forEachParallel(exchanges, MAX_PARALLEL_REQUESTS, (spec) =>
    attempt(`exchange ${spec.name}`, (channel) => channel.assertExchange(spec.name, spec.type, exchangeOptions(spec))),
  );
  await forEachParallel(queues, MAX_PARALLEL_REQUESTS, (spec) =>
    attempt(`queue ${spec.name}`, (channel) =>
      channel.assertQueue(spec.name, { durable: true, arguments: spec.arguments }),
    ),
  );
  const possible = bindings.filter(
    ({ source, kind, destination }) => !failed.has(`exchange ${source}`) && !failed.has(`${kind} ${destination}`),
  );
  await forEachParallel(possible, MAX_PARALLEL_REQUESTS, (spec) =>
    attempt(`binding ${bindingName(spec)}`, async (channel) => {
      const { kind, destination, source, routingKey, arguments: fields = {} } = spec;
      if (kind === 'queue') await channel.bindQueue(destination, source, routingKey, fields);
      else await channel.bindExchange(destination, source, routingKey, fields);
    }),
  );
  return failed;
}

export async function removeBindings(
  bindings: readonly BindingSpec[],
  onScratchChannel: ScratchChannel,
): Promise<void> {
  await forEachParallel(bindings, MAX_PARALLEL_REQUESTS, (spec) =>
    onScratchChannel(`removing binding ${bindingName(spec)}`, REQUEST_TIMEOUT_MS, (channel) => unbind(channel, spec)),
  );
}

async function unbind(channel: ConfirmChannel, spec: BindingSpec): Promise<void> {
  const { kind, destination, source, routingKey, arguments: fields = {} } = spec;
  if (kind === 'queue') await channel.unbindQueue(destination, source, routingKey, fields);
  else await channel.unbindExchange(destination, source, routingKey, fields);
}

/** Removes parts, whether or not they exist. */
export async function removeParts(
  { exchanges, queues, bindings }: TopologyParts,
  onScratchChannel: ScratchChannel,
): Promise<void> {
  const attempt = async (what: string, work: Parameters<ScratchChannel>[2]) => {
    try {
      await onScratchChannel(`removing ${what}`, REQUEST_TIMEOUT_MS, work);
    } catch (error) {
      if (codeOf(error) !== 404) throw error;
    }
  };
  await forEachParallel(bindings, MAX_PARALLEL_REQUESTS, (spec) =>
    attempt(`binding ${bindingName(spec)}`, (channel) => unbind(channel, spec)),
  );
  await forEachParallel(queues, MAX_PARALLEL_REQUESTS, ({ name }) =>
    attempt(`queue ${name}`, (channel) => channel.deleteQueue(name)),
  );
  await forEachParallel(exchanges, MAX_PARALLEL_REQUESTS, ({ name }) =>
    attempt(`exchange ${name}`, (channel) => channel.deleteExchange(name)),
  );
}
