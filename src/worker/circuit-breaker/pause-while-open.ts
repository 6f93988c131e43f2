import { formatDuration } from '../../duration.js';
import type { ConsumptionGate } from '../consumption/gate.js';
import type { InFlightMessages } from '../consumption/in-flight.js';
import type { PreparedWorker } from '../prepare.js';
import { CircuitBreaker, type CircuitBreakerState } from './circuit-breaker.js';

const GAUGE: Record<CircuitBreakerState, number> = { closed: 0, 'half-open': 1, open: 2 };

/** Connects the circuit breaker of a worker with its consumption. While it is open, consumption is paused. When the
 *  open time is over and the messages in flight are settled, one message is consumed as a probe. When it closes,
 *  consumption resumes with the full prefetch. */
export function pauseWhileOpen(
  {
    definition,
    clock,
    metrics,
    logger,
    onCircuitBreaker,
  }: Pick<PreparedWorker, 'definition' | 'clock' | 'metrics' | 'logger' | 'onCircuitBreaker'>,
  gate: Pick<ConsumptionGate, 'pause' | 'resume'>,
  inFlight: Pick<InFlightMessages, 'settled'>,
): CircuitBreaker {
  const { name, circuitBreaker: settings, prefetch } = definition;
  const gauge = metrics.breakerState.labels(name);
  gauge.set(GAUGE.closed);
  const circuitBreaker = new CircuitBreaker(settings, clock, {
    onChange(state) {
      gauge.set(GAUGE[state]);
      if (state === 'open') {
        logger.warn(`Circuit breaker open; consuming paused for ${formatDuration(circuitBreaker.openFor)}`, {
          error: circuitBreaker.cause,
        });
        void gate.pause('circuit breaker');
      }
      if (state === 'closed') {
        logger.warn('Circuit breaker closed; consuming resumed');
        void gate.resume('circuit breaker', prefetch);
      }
      onCircuitBreaker?.(state);
    },
    onProbeDue: () => void consumeProbe(),
  });
  return circuitBreaker;

  /** The gate applies its changes in order: the pause is complete before this resumes. */
  async function consumeProbe(): Promise<void> {
    await inFlight.settled();
    // a message that was in flight may have been the probe
    if (circuitBreaker.isProbeDue) await gate.resume('circuit breaker', 1);
  }
}
