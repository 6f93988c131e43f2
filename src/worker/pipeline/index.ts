import type { HandleMessage } from './message.js';
import type { Middleware, PipelineContext, WorkerPipelineContext } from './context.js';
import { circuitBreaker } from '../middleware/circuit-breaker.js';
import { crashLoop } from '../middleware/crash-loop.js';
import { deadLetter } from '../middleware/dead-letter.js';
import { decode } from '../middleware/decode.js';
import { inbox } from '../middleware/inbox.js';
import { follow } from '../middleware/follow.js';
import { precede } from '../middleware/precede.js';
import { quarantine } from '../middleware/quarantine.js';
import { refuse } from '../middleware/refuse.js';
import { retry } from '../middleware/retry.js';
import { runHandler } from '../middleware/run-handler.js';
import { timeout } from '../middleware/timeout.js';
import { trace } from '../middleware/trace.js';
import { turn } from '../middleware/turn.js';

/** The lifecycle of a delivery at a worker, outermost middleware first. `inbox` also commits the deferred writes of the
 *  handler. */
const workerMiddleware: readonly Middleware<WorkerPipelineContext>[] = [
  trace,
  turn,
  deadLetter,
  retry,
  precede,
  quarantine,
  decode,
  refuse,
  follow,
  inbox,
  circuitBreaker,
  crashLoop,
  timeout,
];

/** The lifecycle at a subscriber, which has no store: at-least-once delivery, retries, dead letters. */
const subscriberMiddleware: readonly Middleware[] = [trace, deadLetter, retry, quarantine, decode, timeout];

/** The pipeline of a worker. Never rejects. */
export function workerPipeline(context: WorkerPipelineContext): HandleMessage {
  return compose(workerMiddleware, context, runHandler(context));
}

/** The pipeline of a subscriber around its handler. Never rejects. */
export function subscriberPipeline(context: PipelineContext, handler: HandleMessage): HandleMessage {
  return compose(subscriberMiddleware, context, handler);
}

/** Wraps the middleware around the innermost handler. */
function compose<S extends PipelineContext>(
  pipeline: readonly Middleware<S>[],
  context: S,
  innermost: HandleMessage,
): HandleMessage {
  return pipeline.reduceRight<HandleMessage>((next, middleware) => middleware(next, context), innermost);
}
