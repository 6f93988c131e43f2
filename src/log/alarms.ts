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
    for (const kind of ['gap', 'reset']) metrics.logGaps.inc({ worker, kind }, 0);
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
    this.#raised.push(`${code} after ${expected.offset}`);
    if (this.#raised.length > 5) this.#raised.shift();
  }
}
