import { formatDuration } from '../../../duration.js';
import type { StreamMetadata } from '../../../store/store.js';

/** Formats a retention. */
export function retentionText(retention: StreamMetadata['retention']): string {
  if (retention === undefined) return 'none: all events stay in the store';
  const { keep, olderThan } = retention;
  const age = olderThan === undefined ? '' : `, if older than ${formatDuration(olderThan)}`;
  return `all but the newest ${keep} are archived${age}`;
}
