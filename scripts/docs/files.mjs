import { globSync } from 'node:fs';
import { root } from '../root.mjs';

/** Returns the files that match, as sorted paths from the root, without packages and the uncommitted API reference. */
export function filesOf(patterns) {
  const exclude = (path) => path.endsWith('node_modules') || path === 'docs/reference/api';
  return globSync(patterns, { cwd: root, exclude }).sort();
}
