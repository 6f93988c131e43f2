import { FlotillaError } from '../errors.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { LogBreak } from './place.js';

/** Says aloud that a reader of the log has found it broken; what was said stands in its health until the process ends. */
export class LogAlarms {
  readonly #raised: string[] = [];

  constructor(
    private readonly worker: string,
    private readonly logger: Logger,
    private readonly metrics: Metrics,
  ) {
    for (const kind of ['gap', 'reset', 'store']) metrics.logGaps.inc({ worker, kind }, 0);
    metrics.logPassedOver.inc({ worker }, 0);
  }

  /** The latest ones, as `log.gap at 17`. */
  get raised(): readonly string[] {
    return this.#raised;
  }

  raise({ kind, expected, found }: LogBreak, remedy: string): void {
    if (kind === 'start') {
      this.logger.info('Begins to read the log', { remedy });
      return;
    }
    const code = `log.${kind}` as const;
    const { message } = new FlotillaError(code, `after offset ${expected.offset}; ${remedy}`);
    this.logger.error(message, { code, expected, found });
    this.metrics.logGaps.inc({ worker: this.worker, kind });
    this.#keep(`${code} after ${expected.offset}`);
  }

  /** The store of a service lacks events that the log has had. */
  raiseStoreBehind(service: string, events: number, error: FlotillaError): void {
    this.logger.error(error.message, { code: error.code, service, events });
    this.metrics.logGaps.inc({ worker: this.worker, kind: 'store' });
    this.metrics.storeLostEvents.set({ service }, events);
    this.#keep(`${error.code}: ${service} lacks ${events} events`);
  }

  #keep(alarm: string): void {
    this.#raised.push(alarm);
    if (this.#raised.length > 5) this.#raised.shift();
  }
}
