import type { Row } from './table.js';

export interface BenchContext {
  amqpUrl: string;
  managementUrl: string;
  /** Empty, removed after the run. */
  folder: string;
  /** Unique for each benchmark. */
  prefix: string;
}

/** One benchmark; resolves with its lines of the report. */
export type Bench = (context: BenchContext) => Promise<Row[]>;
