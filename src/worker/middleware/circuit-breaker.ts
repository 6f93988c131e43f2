import { UnavailableError } from '../../errors.js';
import { BrokenCircuitError } from '../circuit-breaker/circuit-breaker.js';
import { UncountedError } from '../pipeline/failure.js';
import type { Middleware, WorkerStation } from '../pipeline/context.js';

/** Runs nothing while the circuit is open, and lets no failure spend an attempt that says the same once more. */
export const breaker: Middleware<WorkerStation> =
  (next, { circuit }) =>
  async (message) => {
    try {
      return await circuit.execute(message.event?.id ?? '', () => next(message));
    } catch (error) {
      if (error instanceof BrokenCircuitError) return 'returned';
      if (error instanceof UnavailableError && circuit.position !== 'closed') throw new UncountedError(error);
      throw error;
    }
  };
