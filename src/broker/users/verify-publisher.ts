import { FlotillaError } from '../../errors.js';
import type { MessageProperties } from '../broker.js';
import type { Fields } from '../messages/amqp-fields.js';
import { OPERATOR, userOf } from './permissions.js';

/** The AMQP user from which the publisher had received the message; empty if it had no user-id. Absent when a
 *  message is published for the first time. Valid only if the user that has published it is trusted. */
export const USER_HEADER = 'flotilla-user';

/** Returns the properties for publishing as this AMQP user; without a user, without a user-id. RabbitMQ would refuse
 *  the user-id of a received message, so it moves to the header. */
export function withUserId(
  { userId: receivedFrom, headers = {}, ...properties }: MessageProperties,
  user: string | undefined,
): MessageProperties {
  if (user === undefined || receivedFrom === user) return { ...properties, headers, ...(user && { userId: user }) };
  const { [USER_HEADER]: _, ...others } = headers;
  const first: Fields = receivedFrom === undefined ? {} : { [USER_HEADER]: receivedFrom };
  return { ...properties, userId: user, headers: { ...others, ...first } };
}

/** Throws `contract.unverified_source` if the message does not come from an AMQP user that may publish events of the
 *  source. RabbitMQ has verified the user-id of every message that has one. */
export type VerifyPublisher = (source: string, properties: MessageProperties) => void;

export interface PublisherRules {
  prefix: string;
  /** Users that may publish events of a source, instead of the one that `userOf` returns. */
  users: Readonly<Record<string, readonly string[]>>;
  /** The user of this process: it republishes only verified messages. */
  own: string;
}

/** Creates the verification. Checks a first publish by its user, and a republished message by the user from which it
 *  was received: a worker republishes its own retries and dead letters, and operators any message. */
export function publisherVerification({ prefix, users, own }: PublisherRules): VerifyPublisher {
  const operators = users[OPERATOR] ?? [userOf(OPERATOR, prefix)];
  const trusted = new Set([own, ...operators]);
  return (source, { userId = '', headers = {} }) => {
    const receivedFrom = headers[USER_HEADER];
    const user = trusted.has(userId) && typeof receivedFrom === 'string' ? receivedFrom : userId;
    const allowed = Object.hasOwn(users, source) ? (users[source] ?? []) : [userOf(source, prefix)];
    if (trusted.has(user) || (user !== '' && allowed.includes(user))) return;
    const who = user === '' ? 'no AMQP user-id' : `AMQP user ${JSON.stringify(user.slice(0, 100))}`;
    throw new FlotillaError('contract.unverified_source', `source ${JSON.stringify(source.slice(0, 100))}, ${who}`);
  };
}
