import type { Broker } from '../../../broker/broker.js';
import { isConnectFailure } from '../../../broker/rabbitmq/connection/connect-failure.js';
import type { DeadLetterContext } from '../../../dead-letters/operations/replay-dead-letters.js';
import { countWaiting, type WaitingDeadLetters } from '../../../dead-letters/count-waiting.js';
import { hasCode } from '../../../errors.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import type { Access } from '../../../runtime/operator/operator-broker.js';
import { refuseForeignStore } from '../../../runtime/stores/store-claims.js';
import type { Store } from '../../../store/store.js';
import type { Context } from '../../shared/context.js';
import { failureLines } from '../../shared/failure.js';
import { withSession } from '../../shared/session.js';

/** A command that needs only the store must not wait long for an unreachable broker. */
const BROKER_PATIENCE = 3000;
const NOT_COUNTED = 'Dead letters that wait in the broker are not counted';

/** Counts the dead letters that still wait in the broker, of one worker or of all, and prints a line about them. Where the broker is
 *  unreachable, prints the reason and returns undefined. */
export async function reportWaiting(
  context: Context,
  session: FleetSession,
  worker?: string,
): Promise<WaitingDeadLetters[] | undefined> {
  const asked = queueNames(session).filter((name) => worker === undefined || name === worker);
  const broker = await brokerIfAny(context, session, 'read');
  return broker === undefined ? undefined : waitingIn(context, session, broker, asked);
}

/** Runs `work` on the stored dead letters, then publishes the events that it appended; reports dead letters that wait in the
 *  broker. Works without a broker, too: the keeper publishes the events then. */
export async function withDeadLetters<T>(context: Context, work: (store: Store) => Promise<T>): Promise<T> {
  return withSession(context, async (session) => {
    const asked = queueNames(session);
    const store = await session.ops();
    const broker = await brokerIfAny(context, session, 'write');
    if (broker !== undefined) {
      await refuseForeignStore(session, store);
      await waitingIn(context, session, broker, asked);
    }
    const result = await work(store);
    if (broker !== undefined) await session.publishOps();
    return result;
  });
}

/** Runs `work` with what a replay needs, then publishes the events that it appended; reports dead letters that wait in the broker.
 *  Rejects as `FleetSession.deadLetters`. */
export async function withDeadLetterContext<T>(
  context: Context,
  access: Access,
  work: (replay: DeadLetterContext, session: FleetSession) => Promise<T>,
): Promise<T> {
  return withSession(context, async (session) => {
    const replay = await session.deadLetters(access);
    await waitingIn(context, session, replay.broker, queueNames(session));
    const result = await work(replay, session);
    if (access === 'write') await session.publishOps();
    return result;
  });
}

async function brokerIfAny(context: Context, session: FleetSession, access: Access): Promise<Broker | undefined> {
  return session.broker(access, BROKER_PATIENCE).catch((error: unknown) => {
    if (!isConnectFailure(error) && !hasCode(error, 'broker.not_configured')) throw error;
    context.say(`${NOT_COUNTED}: ${failureLines(error).join(' ')}`);
    return undefined;
  });
}

/** The enabled workers that have a queue. Throws `config.invalid`, so read it before anything is opened. */
function queueNames(session: FleetSession): string[] {
  return session.queues().workers.map(({ name }) => name);
}

/** A queue that does not answer must not prevent work on the stored dead letters. */
async function waitingIn(
  context: Context,
  session: FleetSession,
  broker: Pick<Broker, 'queueDepth'>,
  workers: readonly string[],
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
