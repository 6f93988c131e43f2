import type { MessageDefinition } from '../../../events/definition.js';
import { definitionOf, type Definitions } from '../../../events/definitions.js';
import { parseHandlerKey } from '../../../events/handler-keys.js';
import { UsageError } from '../../shared/failure.js';
import { requireMatch } from '../../shared/input/type-patterns.js';

/** A message type of the catalogue, and the version after it in `order.created@1`. */
export interface WantedVersion {
  type: string;
  definition: MessageDefinition;
  /** Undefined if none is given; NaN if it is not a version. */
  version: number | undefined;
}

/** Parses `order.created` or `order.created@1`. Throws `name.unknown` for an unknown type, and `UsageError` for a pattern. */
export function parseTypeVersion(definitions: Definitions, text: string): WantedVersion {
  const { pattern: type, version } = parseHandlerKey(text);
  requireMatch('type', [type], Object.keys(definitions));
  const definition = definitionOf(definitions, type);
  if (definition === undefined) throw new UsageError(`${type} is a pattern; name one type`);
  return { type, definition, version };
}
