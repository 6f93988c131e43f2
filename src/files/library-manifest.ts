import { createRequire } from 'node:module';

/** The package.json of this library. */
export function manifestPath(): string {
  return createRequire(import.meta.url).resolve('flotilla/package.json');
}
