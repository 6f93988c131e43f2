import type { Config } from '../../config/load-config.js';
import { publisherVerification, type VerifyPublisher } from '../../broker/users/verify-publisher.js';
import { addressesOf, credentialsOf } from '../../broker/rabbitmq/connection/addresses.js';

/** How the processes of this configuration verify who has published a message; undefined: they do not. */
export function verifyPublisher(
  { userId, amqpUsers, prefix }: Pick<Config, 'userId' | 'amqpUsers' | 'prefix'>,
  amqpUrl: string,
): VerifyPublisher | undefined {
  if (userId !== 'verify') return undefined;
  const own = credentialsOf(addressesOf(amqpUrl)[0] ?? '').user;
  return publisherVerification({ prefix, users: amqpUsers, own });
}
