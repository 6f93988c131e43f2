import { exampleOf } from '../../../contracts/examples.js';
import { publishedSchema } from '../../../contracts/published-schema.js';
import { base, type Definitions } from '../../../events/definitions.js';
import { keyProblem, parseHandlerKey, type HandlerKey } from '../../../events/handler-keys.js';
import { isAmbiguous } from '../../../events/patterns.js';
import { typesMatching } from '../../../events/handler-types.js';
import { UsageError } from '../../shared/failure.js';
import { requireMatch } from '../../shared/input/type-patterns.js';

/** An example of an event for a key of `on`. */
export interface Sample {
  /** A type, a topic pattern, or one version of a type. */
  pattern: string;
  type: string;
  /** Undefined for the latest. */
  version?: number;
  data: unknown;
}

/** Returns example data for each pattern, of the first matching event for which an example can be generated; without
 *  patterns, of the first event of the application. Throws `name.unknown` for a pattern without a match, and
 *  `UsageError` for one that a worker cannot handle or for which no example can be generated. `isHandled`: whether a
 *  command has its worker already. */
export function samplesOf(
  definitions: Definitions,
  patterns: readonly string[],
  isHandled: (command: string) => boolean = () => true,
): Sample[] {
  const keys = patterns.map(parseHandlerKey);
  requireMatch(
    'type',
    keys.map(({ pattern }) => pattern),
    Object.keys(definitions),
  );
  const problem = keys.map((key) => keyProblem(definitions, key)).find((each) => each !== undefined);
  if (problem !== undefined) throw new UsageError(`--on: ${problem}`);
  requireUnambiguous(definitions, patterns);
  if (patterns.length > 0) {
    return patterns.map((pattern) => ({ pattern, ...sampleOf(definitions, parseHandlerKey(pattern), isHandled) }));
  }
  const sample = firstExample(definitions, Object.keys(definitions).filter(isOfApplication(definitions)));
  if (sample === undefined) throw new UsageError('the catalogue has no event to begin with; name one by --on');
  return [{ pattern: sample.type, ...sample }];
}

function sampleOf(definitions: Definitions, { pattern, version }: HandlerKey, isHandled: (command: string) => boolean) {
  const isCommand = definitions[pattern]?.kind === 'command';
  if (isCommand && isHandled(pattern)) {
    throw new UsageError(`--on: ${pattern} is a command, and has its worker already`);
  }
  const types = isCommand ? [pattern] : typesMatching(definitions, pattern);
  if (types.length === 0)
    throw new UsageError(`--on: ${pattern} matches commands alone, and each has its worker already`);
  const own = types.filter(isOfApplication(definitions));
  const sample = firstExample(definitions, own, version) ?? firstExample(definitions, types, version);
  if (sample === undefined) throw new UsageError(`--on: no example can be made of ${pattern}; name another type`);
  return sample;
}

/** Returns whether a type is an event of the application. */
function isOfApplication(definitions: Definitions) {
  return (type: string) => definitions[type]?.kind === 'event' && !(type in base);
}

function firstExample(
  definitions: Definitions,
  types: readonly string[],
  wanted?: number,
): Omit<Sample, 'pattern'> | undefined {
  for (const type of types) {
    const definition = definitions[type];
    if (definition === undefined) continue;
    const version = wanted ?? definition.latest;
    const root = publishedSchema(type, version, definition);
    const data = exampleOf({ schema: root, root });
    if (definition.versions[version]?.safeParse(data).success !== true) continue;
    return { type, ...(version < definition.latest && { version }), data };
  }
  return undefined;
}

function requireUnambiguous(definitions: Definitions, patterns: readonly string[]): void {
  for (const [index, left] of patterns.entries()) {
    for (const right of patterns.slice(0, index)) {
      const both = typesMatching(definitions, left).find((type) => typesMatching(definitions, right).includes(type));
      if (both !== undefined && isAmbiguous(left, right)) {
        throw new UsageError(`--on: ${both} matches ${right} and ${left}, and neither is more specific`);
      }
    }
  }
}
