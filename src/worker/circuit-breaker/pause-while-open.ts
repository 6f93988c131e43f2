import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { Circuit, type CircuitPosition } from './circuit-breaker.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import type { Pauses } from '../consumption/gate.js';
import { formatDuration } from '../../duration.js';

const GAUGE: Record<CircuitPosition, number> = { closed: 0, 'half-open': 1, open: 2 };

/** cockatiel looks at the clock in whole milliseconds; a timer may fire within the last of them. */
const TIMER_SLACK = 10;

/**
 * The circuit of a worker, with its consumer behind it: opened, nothing is consumed; after the open time, and once
 * what was running has settled, one message is taken as a probe; closed again, as many as before.
 */
export function superviseCircuit(
  { name, breaker, prefetch }: WorkerDefinition,
  {
    pauses,
    settledNow,
    metrics,
    logger,
    signal,
  }: {
    pauses: Pauses;
    settledNow: () => Promise<unknown>;
    metrics: Metrics;
    logger: Logger;
    signal: AbortSignal;
  },
): Circuit {
  const gauge = metrics.breakerState.labels(name);
  gauge.set(GAUGE.closed);
  const onChange = (position: CircuitPosition) => {
    gauge.set(GAUGE[position]);
    if (position === 'open') void waitForProbe();
    if (position === 'closed') {
      logger.info('The circuit breaker is closed: messages are taken again');
      void pauses.resume('breaker', prefetch);
    }
  };
  const circuit = new Circuit({ ...breaker, onChange });
  return circuit;

  async function waitForProbe(): Promise<void> {
    const openFor = circuit.openFor;
    logger.warn(`The circuit breaker is open: no messages are taken for ${formatDuration(openFor)}`);
    try {
      await Promise.all([pauses.pause('breaker'), sleep(openFor + TIMER_SLACK, undefined, { signal })]);
      await settledNow();
      await pauses.resume('breaker', 1);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
