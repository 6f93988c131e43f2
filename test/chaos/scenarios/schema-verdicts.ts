import fc from 'fast-check';
import type { JsonSchema } from '../../../src/events/schema-fields.js';
import { pairs, schemaOf, valuesOf } from '../../contracts/support/descriptions.js';
import { verdictsOf } from '../../contracts/support/jsoncompat.js';
import { changesOf, nodeOf, reads } from '../../contracts/support/pairs.js';

/** Values of a writer among which one is searched that its reader refuses. */
const VALUES = 1000;

/** Compares the verdicts of the gate about random pairs of schemas with those of jsoncompat, in both directions. Rejects
 *  if they differ, unless a value of the writer shows that the gate is right: one that the reader refuses, or one with
 *  fields that the reader ignores but a replay or an edit refuses (`object-closed`). Resolves with a line about the
 *  verdicts. */
export async function compareVerdicts({
  count,
  seed,
  say,
}: {
  count: number;
  seed: number;
  say: (line: string) => void;
}): Promise<string> {
  const different = pairs.filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));
  const found = { agree: 0, refused: 0, stricter: 0 };
  for (const { before, after } of fc.sample(different, { numRuns: count, seed })) {
    const [old, now] = [schemaOf(before), schemaOf(after)];
    const theirs = verdictsOf(nodeOf(old).schema as JsonSchema, nodeOf(now).schema as JsonSchema);
    const changes = changesOf(old, now);
    for (const direction of ['backward', 'forward'] as const) {
      const isSafe = !changes.some((change) => change[direction] === 'breaks');
      if (isSafe === theirs[direction]) {
        found.agree += 1;
        continue;
      }
      const about = `${direction}: ${JSON.stringify(before)} => ${JSON.stringify(after)}`;
      if (isSafe) throw new Error(`jsoncompat sees a break that the gate does not; ${about}`);
      const [writer, reader] = direction === 'backward' ? [before, now] : [after, old];
      const values = fc.sample(valuesOf(writer), { numRuns: VALUES, seed });
      const refused = values.find((value) => !reads(reader, value));
      const ignored = values.find((value) => !reader.safeParse(value).success);
      if (refused !== undefined) found.refused += 1;
      else if (direction === 'backward' && ignored !== undefined) found.stricter += 1;
      else throw new Error(`the gate sees a break that jsoncompat does not, and no value shows it; ${about}`);
      say(`jsoncompat accepts, the gate refuses ${JSON.stringify(refused ?? ignored)}; ${about}`);
    }
  }
  const { agree, refused, stricter } = found;
  return `${count} pairs: ${agree} verdicts agree; the gate is proven right by a refused value in ${refused}, by ignored fields in ${stricter}`;
}
