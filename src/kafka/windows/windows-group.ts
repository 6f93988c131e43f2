import type { WindowsDefinition } from '../../windows/definition.js';

/** The consumer group of windows over topics: it only shows the progress. */
export function windowsGroup(prefix: string, { name, version }: Pick<WindowsDefinition, 'name' | 'version'>): string {
  return `${prefix}flotilla-windows-${name}-${version}`;
}
