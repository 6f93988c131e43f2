import { FaultLog } from '../../telemetry/fault-log.js';
import type { Logger } from '../../telemetry/logger.js';
import { kindName, type EventKind } from './quarantine-table.js';

/** Types of other publishers may have any name. */
const MAX_KINDS = 100;

/** Logs when the worker begins to quarantine a type in a version, and when none of its messages is quarantined any more. */
export class QuarantineLog {
  readonly #faults = new Map<string, { fault: FaultLog; kind: EventKind }>();

  constructor(private readonly logger: Logger) {}

  began({ type, version, ...fields }: EventKind & { source: string; event: string; code: string }): void {
    const name = kindName({ type, version });
    if (!this.#faults.has(name) && this.#faults.size >= MAX_KINDS) return;
    const { fault } = this.#faults.get(name) ?? { fault: new FaultLog(this.logger) };
    this.#faults.set(name, { fault, kind: { type, version } });
    const about = { ...fieldsOf({ type, version }), ...fields };
    fault.failed('Messages that this release cannot read are quarantined', about, name);
  }

  /** Logs the end for every kind that is not among these. */
  remaining(kinds: readonly EventKind[]): void {
    const names = new Set(kinds.map(kindName));
    for (const [name, { fault, kind }] of this.#faults) {
      if (names.has(name)) continue;
      fault.recovered('Messages are no longer quarantined', fieldsOf(kind));
      this.#faults.delete(name);
    }
  }
}

function fieldsOf({ type, version }: EventKind): Record<string, unknown> {
  return { type, schemaVersion: version };
}
