import { upcastData } from '../events/decode.js';
import { definitionOf, type Definitions } from '../events/definitions.js';
import type { Committed } from './gate.js';
import type { Json } from './shape.js';

/** Returns what is committed without the newest version of a type, as if it had never been added: the samples of earlier
 *  versions keep their data. */
export function withoutNewest(definitions: Definitions, committed: Committed, type: string): Committed {
  const definition = definitionOf(definitions, type);
  if (definition === undefined) return committed;
  const { latest } = definition;
  const isNewest = (each: { type: string; version: number }) => each.type === type && each.version === latest;
  return {
    schemas: committed.schemas.filter((schema) => !isNewest(schema)),
    samples: committed.samples
      .filter((each) => !isNewest(each))
      .map((each) => {
        if (each.type !== type || each.samples.newest < latest) return each;
        const newest = latest - 1;
        const samples = each.samples.samples.map(({ data }) => ({
          data,
          upcast: upcastData(definition, data, each.version, newest) as Json,
        }));
        return { ...each, samples: { newest, samples } };
      }),
  };
}
