import { UnavailableError } from '../../errors.js';
import { BrokenCircuitError } from '../circuit-breaker/circuit-breaker.js';
import { UncountedError } from '../pipeline/failure.js';
import type { Middleware, WorkerPipelineContext } from '../pipeline/context.js';

/** Runs nothing while the circuit is open, and lets no failure spend an attempt that says the same once more. */
export const circuitBreaker: Middleware<WorkerPipelineContext> =
  (next, { circuitBreaker: circuit }) =>
  async (message) => {
    try {
      return await circuitBreaker.execute(message.event?.id ?? '', () => next(message));
    } catch (error) {
      if (error instanceof BrokenCircuitError) return 'returned';
      if (error instanceof UnavailableError && circuitBreaker.position !== 'closed') throw new UncountedError(error);
      throw error;
    }
  };
