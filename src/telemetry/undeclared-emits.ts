import type { Metrics } from './metrics.js';

/** Types with a label of their own; a program could append any number of types. */
const MAX_TYPES = 100;

/** Counts events of types that their emitter does not declare. */
export class UndeclaredEmits {
  readonly #types = new Set<string>();

  constructor(
    private readonly metrics: Pick<Metrics, 'undeclaredEmits'> | undefined,
    /** `worker`: the name of a worker, `api` for a route, empty for a program that appends to a store. */
    private readonly emitter: { service: string; worker: string },
  ) {}

  /** Counts one event. Returns whether it is the first of its type. */
  count(type: string): boolean {
    const isFirst = !this.#types.has(type) && this.#types.size < MAX_TYPES;
    if (isFirst) this.#types.add(type);
    this.metrics?.undeclaredEmits.inc({ ...this.emitter, type: this.#types.has(type) ? type : 'other' });
    return isFirst;
  }
}
