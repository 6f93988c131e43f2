import { FlotillaError } from './errors.js';

/** The oldest supported version of Node.js, as in `engines` of package.json. */
export const OLDEST_NODE = '22.15.0';

/** Whether a version such as `22.23.3` is supported. */
export function isSupportedNode(version: string = process.versions.node): boolean {
  const parts = version.split('.').map(Number);
  const oldest = OLDEST_NODE.split('.').map(Number);
  const index = oldest.findIndex((part, position) => parts[position] !== part);
  return index === -1 || (parts[index] ?? 0) > (oldest[index] ?? 0);
}

/** Throws `node.unsupported` on an older Node.js: there, the SQLite addon would crash the process without a message. */
export function requireSupportedNode(): void {
  if (isSupportedNode()) return;
  throw new FlotillaError(
    'node.unsupported',
    `this is ${process.versions.node}, the oldest supported is ${OLDEST_NODE}`,
  );
}
