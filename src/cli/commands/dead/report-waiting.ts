import type { Broker } from '../../../broker/broker.js';
import { isConnectFailure } from '../../../broker/rabbitmq/connection/connect-failure.js';
import { countWaiting, type WaitingDeadLetters } from '../../../dead-letters/count-waiting.js';
import { hasCode } from '../../../errors.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import type { Access } from '../../../runtime/operator/operator-broker.js';
import type { Context } from '../../shared/context.js';
import { failureLines } from '../../shared/failure.js';

/** A command that needs only the store must not wait long for an unreachable broker. */
const BROKER_TIMEOUT_MS = 3000;
const NOT_COUNTED = 'Dead letters that wait in the broker are not counted';

/** Counts the dead letters that still wait in the broker, of one worker or of all, and prints a line about them. Where the broker is
 *  unreachable, prints the reason and returns undefined. */
export async function reportWaiting(
  context: Context,
  session: FleetSession,
  worker?: string,
): Promise<WaitingDeadLetters[] | undefined> {
  const workers = queueNames(session).filter((name) => worker === undefined || name === worker);
  const broker = await brokerIfAny(context, session, 'read');
  return broker === undefined ? undefined : reportWaitingIn(broker, context, session, workers);
}

/** The broker; prints the reason and returns undefined where it is unreachable. */
export async function brokerIfAny(
  context: Context,
  session: FleetSession,
  access: Access,
): Promise<Broker | undefined> {
  return session.broker(access, BROKER_TIMEOUT_MS).catch((error: unknown) => {
    if (!isConnectFailure(error) && !hasCode(error, 'broker.not_configured')) throw error;
    context.say(`${NOT_COUNTED}: ${failureLines(error).join(' ')}`);
    return undefined;
  });
}

/** The enabled workers that have a queue. Throws `config.invalid`, so read it before anything is opened. */
export function queueNames(session: FleetSession): string[] {
  return session.queues().workers.map(({ name }) => name);
}

/** Like `reportWaiting`, with a connected broker. A queue that does not answer must not prevent work on the stored dead
 *  letters. */
export async function reportWaitingIn(
  broker: Pick<Broker, 'queueDepth'>,
  context: Context,
  session: FleetSession,
  workers = queueNames(session),
): Promise<WaitingDeadLetters[] | undefined> {
  try {
    const waiting = await countWaiting(broker, session.names, workers);
    if (waiting.length > 0) context.say(waitingLine(waiting));
    return waiting;
  } catch (error) {
    if (context.signal.aborted) throw error;
    context.say(`${NOT_COUNTED}: ${failureLines(error).join(' ')}`);
    return undefined;
  }
}

/** `3 dead letters still wait in the broker (payment 2, shipping 1); …` */
export function waitingLine(waiting: readonly WaitingDeadLetters[]): string {
  const total = waiting.reduce((sum, { ready }) => sum + ready, 0);
  const by = waiting.map(({ worker, ready }) => `${worker} ${ready}`).join(', ');
  return `${total} dead letters still wait in the broker (${by}); the keeper stores them, or: flotilla dead collect`;
}
