import type { Logger } from '../../telemetry/logger.js';
import type { ConsumptionGate } from './gate.js';

/** How far a relay is behind. */
export interface RelayGauge {
  /** Stored events that the broker has not confirmed. */
  readonly lag: number;
  readonly maxLag: number;
}

const POLL_INTERVAL_MS = 200;

/** Pauses consumption while more events wait to be published than the bound, until half of them are gone: a worker
 *  that cannot hand over must not go on piling up. Returns the way to stop watching. */
export function pauseWhileRelayLags(relay: RelayGauge | undefined, pauses: ConsumptionGate, logger: Logger): () => void {
  if (relay === undefined) return () => undefined;
  let paused = false;
  const timer = setInterval(() => {
    if (!paused && relay.lag > relay.maxLag) {
      paused = true;
      logger.warn(`${relay.lag} events wait to be published: no messages are taken until they are gone`);
      void pauses.pause('relay');
    } else if (paused && relay.lag <= relay.maxLag / 2) {
      paused = false;
      void pauses.resume('relay');
    }
  }, POLL_INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
