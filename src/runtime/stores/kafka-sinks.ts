import { declaredEmitters, type Fleet } from '../../fleet/define-fleet.js';
import { KAFKA_STORE } from '../../fleet/reserved-names.js';
import { topicOf } from '../../kafka/topics/topic-routes.js';
import { workerDefinitionOf } from '../../worker/definition/worker-definition.js';

/** The services whose stores are published to Kafka: those that emit a type with a topic. What comes from Kafka is not
 *  published there again. */
export function sinkServices(fleet: Fleet): string[] {
  const { kafka, api, catalogue } = fleet;
  const routes = kafka?.topics;
  if (routes === undefined) return [];
  const find = topicOf(routes, catalogue.definitions);
  const services = new Set<string>();
  for (const [type, names] of declaredEmitters(fleet))
    if (find(type) !== undefined) for (const name of names) services.add(name);
  if (api !== undefined && api.emits === undefined) services.add(api.store); // it may append any type
  const known = new Set([api?.store, ...fleet.workers.map((worker) => workerDefinitionOf(worker).store)]);
  return [...services].filter((name) => name !== KAFKA_STORE && known.has(name)).sort();
}
