import type { EventEnvelope } from '../../events/envelope.js';
import type { InboxKey } from '../../store/store.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import type { ReplayHeaders } from './replay-headers.js';

/** The key of the inbox row, under which the worker handles an event once. A worker with `replay: 'idempotent'` has a
 *  separate key for each replay with `--again`: each replay handles an event once, however often it is interrupted. A
 *  worker with `replay: 'reset'` uses the ordinary key: the reset empties its inbox, and the first of the live and the
 *  replayed delivery counts. */
export function inboxKey(
  { name, replay }: Pick<WorkerDefinition, 'name' | 'replay'>,
  { source, id }: Pick<EventEnvelope, 'source' | 'id'>,
  sentBy: Pick<ReplayHeaders, 'run' | 'again'> | undefined,
): InboxKey {
  const ofRun = replay === 'idempotent' && sentBy?.again === true;
  return { consumer: ofRun ? `${name}:replay:${sentBy.run}` : name, source, id };
}
