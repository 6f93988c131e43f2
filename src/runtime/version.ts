import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The package.json of this library. */
export function manifestPath(): string {
  return createRequire(import.meta.url).resolve('flotilla/package.json');
}

/** The version of this library. */
export function libraryVersion(): string {
  return (JSON.parse(readFileSync(manifestPath(), 'utf8')) as { version: string }).version;
}
