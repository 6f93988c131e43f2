import type { SetSize } from '../../../broker/topology/topology.js';
import type { PartitionState } from './partition-table.js';

/** A partition that may be consumed. */
export interface OpenPartition {
  size: SetSize;
  index: number;
  /** Whether all of its messages were settled already: one that arrives now is late. */
  hasPassed: boolean;
}

/** The partitions that may be consumed. A new one is consumed when the old ones with messages of the same subjects have passed;
 *  an old one until the end of the change. */
export function openPartitions({ size, moving }: PartitionState): OpenPartition[] {
  const old = range(size).map((index) => ({ size, index, hasPassed: moving?.passed.has(index) === true }));
  if (moving === undefined) return old;
  const { to, passed } = moving;
  const opened = range(to).filter((index) => sourcesOf(index, size, to).every((source) => passed.has(source)));
  return [...old, ...opened.map((index) => ({ size: to, index, hasPassed: false }))];
}

/** The old partitions that have messages of the subjects of a new one. Both numbers are powers of two. */
export function sourcesOf(index: number, from: SetSize, to: SetSize): number[] {
  const least = Math.min(from, to);
  return range(from).filter((source) => source % least === index % least);
}

/** Whether all old partitions have passed. */
export function isComplete({ size, moving }: PartitionState): boolean {
  return moving !== undefined && moving.passed.size >= size;
}

function range(size: number): number[] {
  return Array.from({ length: size }, (_, index) => index);
}
