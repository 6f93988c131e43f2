import { globSync } from 'node:fs';
import { root } from '../root.mjs';

/** The files that match, as sorted paths from the root; without packages and the API reference, which is not committed. */
export function filesOf(patterns) {
  const exclude = (path) => path.endsWith('node_modules') || path === 'docs/reference/api';
  return globSync(patterns, { cwd: root, exclude }).sort();
}
