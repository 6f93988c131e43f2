import { FlotillaError } from '../../../errors.js';
import { loadKafkaClient } from '../../../kafka/client/load-client.js';
import type { KafkaClient } from '../../../kafka/client/kafka-client.js';
import type { Context } from '../../shared/context.js';

/** The client of the configured cluster. Rejects with `config.invalid` without KAFKA_BROKERS. */
export function kafkaClient({ config }: Context): Promise<KafkaClient> {
  const { kafka } = config;
  if (kafka.brokers.length === 0) throw new FlotillaError('config.invalid', 'KAFKA_BROKERS is not set');
  return loadKafkaClient({ ...kafka, clientId: 'flotilla-operator' });
}
