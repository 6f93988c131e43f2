import { FlotillaError } from '../../errors.js';
import type { Definitions } from '../../events/definitions.js';
import { matchesType, typesMatching } from '../../events/handler-types.js';

/** The topics of events, by topic pattern of their types: `{ 'order.*': 'order-events' }`. The first match counts. */
export type TopicRoutes = Readonly<Record<string, string>>;

/** Returns the topic of a type; undefined if it is not published. Wildcards match events only, no commands. */
export function topicOf(routes: TopicRoutes, definitions: Definitions): (type: string) => string | undefined {
  const known = new Map<string, string | undefined>();
  return (type) => {
    if (!known.has(type)) {
      known.set(type, Object.entries(routes).find(([pattern]) => matchesType(definitions, pattern, type))?.[1]);
    }
    return known.get(type);
  };
}

/** The topics that contain events of these patterns. Throws `kafka.topic_missing` if there are none. */
export function topicsOf(routes: TopicRoutes, definitions: Definitions, patterns: readonly string[]): string[] {
  const find = topicOf(routes, definitions);
  const types = patterns.flatMap((pattern) => typesMatching(definitions, pattern));
  const topics = [...new Set(types.flatMap((type) => find(type) ?? []))];
  if (topics.length > 0) return topics;
  throw new FlotillaError('kafka.topic_missing', `no topic is configured for ${patterns.join(', ')}`);
}
