import { UnavailableError } from '../../errors.js';
import { CircuitOpenError } from '../circuit-breaker/circuit-breaker.js';
import type { Middleware, WorkerPipelineContext } from '../pipeline/context.js';
import { UncountedError } from '../pipeline/failure.js';

/** Runs nothing while the circuit breaker is open. Failures that it has already counted use no attempt. */
export const circuitBreaker: Middleware<WorkerPipelineContext> = (next, context) => {
  const breaker = context.circuitBreaker;
  return async (message) => {
    try {
      return await breaker.execute(message.event?.id ?? '', () => next(message));
    } catch (error) {
      if (error instanceof CircuitOpenError) return 'returned';
      if (error instanceof UnavailableError && breaker.state !== 'closed') throw new UncountedError(error);
      throw error;
    }
  };
};
