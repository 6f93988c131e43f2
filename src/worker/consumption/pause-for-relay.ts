import { alignedInterval } from '../../concurrency/aligned-interval.js';
import type { Logger } from '../../telemetry/logger.js';
import type { ConsumptionGate } from './gate.js';

/** The lag of a relay. */
export interface RelayGauge {
  /** Stored events that the broker has not confirmed. */
  readonly lag: number;
  readonly maxLag: number;
}

const POLL_INTERVAL_MS = 1_000;

/** Pauses consumption while more than `maxLag` events wait to be published, until half of them are published. This
 *  bounds the backlog of the outbox. Returns a function that stops the monitoring. */
export function pauseWhileRelayLags(
  relay: RelayGauge | undefined,
  gate: Pick<ConsumptionGate, 'pause' | 'resume'>,
  logger: Logger,
): () => void {
  if (relay === undefined) return () => undefined;
  let paused = false;
  return alignedInterval(POLL_INTERVAL_MS, () => {
    if (!paused && relay.lag > relay.maxLag) {
      paused = true;
      logger.warn(`${relay.lag} events wait to be published; consuming paused`);
      void gate.pause('relay');
    } else if (paused && relay.lag <= relay.maxLag / 2) {
      paused = false;
      logger.warn(`${relay.lag} events wait to be published; consuming resumed`);
      void gate.resume('relay');
    }
  });
}
