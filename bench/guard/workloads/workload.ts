import { loadavg } from 'node:os';

/** How often a workload performs its operation. */
export interface Size {
  /** Operations between two marks. */
  block: number;
  /** The first is not counted: functions are compiled in it. */
  blocks: number;
}

/** Performs an operation `block * blocks` times and calls `mark` after each block. Uses files in the empty `folder`. */
export type Workload = (size: Size, folder: string) => Promise<void>;

/** The function of libuv that `mark` calls, and that nothing else calls. */
export const MARK_FUNCTION = 'uv_loadavg';

/** Ends a block: valgrind writes the number of instructions since the last mark. */
export function mark(): void {
  loadavg();
}
