import type { MessageDefinition } from '../events/definition.js';
import type { JsonSchema } from '../events/schema-fields.js';
import type { Change } from './change.js';
import { compareSchemas } from './compare.js';
import { listChanges } from './list-changes.js';
import { publishedSchema } from './published-schema.js';
import { RULES } from './rules.js';

/** A difference for which a reader of an earlier version refuses data of a version that it may read by `readableFrom`. */
export interface BrokenReader {
  /** The version that declares `readableFrom`. */
  version: number;
  /** The newest version whose readers the difference breaks. */
  reader: number;
  /** The schemas of `reader` and `version`. */
  before: JsonSchema;
  after: JsonSchema;
  change: Change;
  why: string;
}

/** Verifies `readableFrom`: every reader from the declared version on must accept everything that is written in the
 *  version itself. Readers are old code: they have a version as it is committed, or as it is in the catalogue. */
export function brokenReaders(
  type: string,
  definition: MessageDefinition,
  committed: readonly { version: number; schema: JsonSchema }[],
): BrokenReader[] {
  return Object.entries(definition.readableFrom).flatMap(([key, from]) => {
    const version = Number(key);
    const published = Object.keys(definition.versions)
      .map(Number)
      .filter((each) => each >= from && each <= version)
      .map((each) => ({ version: each, schema: publishedSchema(type, each, definition) }));
    const after = published.find((each) => each.version === version)?.schema;
    const readers = [...committed, ...published]
      .filter((reader) => reader.version >= from && reader.version < version)
      .sort((a, b) => a.version - b.version);
    if (after === undefined) return [];
    const found = readers.flatMap(({ version: reader, schema: before }) =>
      breaking(before, after).map((change) => ({ version, reader, before, after, change, why: whyOf(change) })),
    );
    // one for each difference, of the newest reader
    return [...new Map(found.map((broken) => [placeOf(broken.change), broken])).values()];
  });
}

function breaking(before: JsonSchema, after: JsonSchema): Change[] {
  const changes = [
    ...compareSchemas({ schema: before, root: before }, { schema: after, root: after }),
    ...listChanges(before, after),
  ];
  // a field that only the reader marks as personal is masked: nothing is revealed
  return changes.filter(({ rule, forward }) => forward === 'breaks' && rule !== 'pii-removed');
}

function placeOf({ rule, key, steps }: Change): string {
  return JSON.stringify([rule, key, ...steps.map(({ name }) => name)]);
}

function whyOf({ rule }: Change): string {
  return rule === 'pii-added' ? 'Older readers print and log the field as if it were not personal.' : RULES[rule].why;
}
