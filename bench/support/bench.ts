import type { Row } from './table.js';

export interface BenchContext {
  amqpUrl: string;
  managementUrl: string;
  /** Empty, removed after the run. */
  folder: string;
  /** A fresh one for each bench. */
  prefix: string;
}

/** One measurement; gives the lines it adds to the report. */
export type Bench = (context: BenchContext) => Promise<Row[]>;
