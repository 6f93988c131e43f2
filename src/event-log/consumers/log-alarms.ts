import { FlotillaError } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { LogBreak } from '../positions/position.js';

/** Reports breaks of the log: in the log output, the metrics and the state of the worker. */
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

  /** The latest alarms, such as `log.gap after 17`. */
  get raised(): readonly string[] {
    return this.#raised;
  }

  raise({ kind, expected, found }: LogBreak, remedy: string): void {
    if (kind === 'start') {
      this.logger.info('Reading the log for the first time', { remedy });
      return;
    }
    const code = `log.${kind}` as const;
    const { message } = new FlotillaError(code, `after offset ${expected.offset}; ${remedy}`);
    this.logger.error(message, { code, expected, found });
    this.metrics.logGaps.inc({ worker: this.worker, kind });
    this.#add(`${code} after ${expected.offset}`);
  }

  /** Reports that the store of a service lacks events that the log contained. */
  raiseStoreBehind(service: string, events: number, error: FlotillaError): void {
    this.logger.error(error.message, { code: error.code, service, events });
    this.metrics.logGaps.inc({ worker: this.worker, kind: 'store' });
    this.metrics.storeLostEvents.set({ service }, events);
    this.#add(`${error.code}: ${service} lacks ${events} events`);
  }

  #add(alarm: string): void {
    this.#raised.push(alarm);
    if (this.#raised.length > 5) this.#raised.shift();
  }
}
