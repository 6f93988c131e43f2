import { formatDuration } from '../../../duration.js';
import type { StreamMetadata } from '../../../store/contract.js';

/** A retention as people read it. */
export function retentionText(retention: StreamMetadata['retention']): string {
  if (retention === undefined) return 'none: everything stays in the store';
  const { keep, olderThan } = retention;
  const age = olderThan === undefined ? '' : `, of those none younger than ${formatDuration(olderThan)}`;
  return `all but the newest ${keep} go to the archive${age}`;
}
