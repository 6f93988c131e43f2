import { readFileSync } from 'node:fs';
import { manifestPath } from '../files/library-manifest.js';

/** The version of this library. */
export function libraryVersion(): string {
  return (JSON.parse(readFileSync(manifestPath(), 'utf8')) as { version: string }).version;
}
