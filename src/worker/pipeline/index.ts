import type { Handle } from './message.js';
import type { Middleware, Station, WorkerStation } from './context.js';
import { breaker } from '../middleware/circuit-breaker.js';
import { crashLoop } from '../middleware/crash-loop.js';
import { deadLetter } from '../middleware/dead-letter.js';
import { decode } from '../middleware/decode.js';
import { dedupe } from '../middleware/dedupe.js';
import { retry } from '../middleware/retry.js';
import { timeout } from '../middleware/timeout.js';
import { trace } from '../middleware/trace.js';

/** The whole life of a delivery at a worker, read from the outside in. `dedupe` also commits what the handler said. */
export const workerPipeline: readonly Middleware<WorkerStation>[] = [
  trace,
  deadLetter,
  retry,
  decode,
  dedupe,
  breaker,
  crashLoop,
  timeout,
];

/** The same for a plain subscription, which has no store: at least once, retried, dead-lettered. */
export const plainPipeline: readonly Middleware[] = [trace, deadLetter, retry, decode, timeout];

/** Puts the stations around the innermost step. What comes out never rejects. */
export function assemble<S extends Station>(pipeline: readonly Middleware<S>[], station: S, innermost: Handle): Handle {
  return pipeline.reduceRight<Handle>((next, middleware) => middleware(next, station), innermost);
}
