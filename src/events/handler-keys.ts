import { definitionOf, type Definitions } from './definitions.js';
import { isWildcard } from './patterns.js';

/** A key of `on`: a type or topic pattern, or one version of a type, `order.created@1`. */
export interface HandlerKey {
  pattern: string;
  /** The requested version; NaN for a text that is no version, undefined for the latest. */
  version?: number | undefined;
}

/** Splits the key of a handler into its pattern and the requested version. */
export function parseHandlerKey(key: string): HandlerKey {
  const at = key.indexOf('@');
  if (at === -1) return { pattern: key, version: undefined };
  const version = key.slice(at + 1);
  return { pattern: key.slice(0, at), version: /^[1-9]\d{0,8}$/.test(version) ? Number(version) : NaN };
}

/** Why a key cannot request its version; undefined if it can, and for a key without a version. */
export function keyProblem(definitions: Definitions, { pattern, version }: HandlerKey): string | undefined {
  if (version === undefined) return undefined;
  if (isWildcard(pattern)) return `${pattern} is a wildcard: only the name of a type can be followed by @<version>`;
  const definition = definitionOf(definitions, pattern);
  if (definition?.kind === 'command') return `${pattern} is a command: its handler receives the latest version`;
  if (definition?.versions[version] !== undefined) return undefined;
  const known = Object.keys(definition?.versions ?? {}).join(', ');
  return `${pattern}@… requests a version that ${pattern} does not have; its versions: ${known}`;
}
