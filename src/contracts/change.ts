import { RULES, type RuleId, type Verdict } from './rules.js';
import type { Json, Part } from './shape.js';

/** The step to the name of a field, as if it were a value. */
export const KEY = '(key)';

/** One step from a value to a value inside it. */
export interface Step {
  /** The name of a field, `*` for any other field of an object, `KEY` for their names, or the index of an element; `[]` for
   *  any element. */
  name: string;
  /** The parts that contain the value, in the old and the new schema. */
  before: Part;
  after: Part;
}

/** A value that one reader refuses: the value itself, or any small value of a part. */
export type Witness = { value: Json } | { part: Part };

/** A difference between two schemas. */
export interface Change {
  rule: RuleId;
  /** The way to the changed value; empty for the value itself. */
  steps: readonly Step[];
  /** The keyword of JSON Schema, or the name of a field, that changed. */
  key: string;
  before: Json | undefined;
  after: Json | undefined;
  backward: Verdict;
  forward: Verdict;
  /** Old data that the new schema refuses. */
  stored?: Witness;
  /** New data that the old schema refuses. */
  written?: Witness;
}

export type Detail = Partial<Pick<Change, 'key' | 'before' | 'after' | 'stored' | 'written' | 'backward' | 'forward'>>;

/** Returns a change with the verdicts of its rule, unless the details say otherwise. */
export function change(rule: RuleId, steps: readonly Step[], detail: Detail): Change {
  const { backward, forward } = RULES[rule];
  return { rule, steps, key: '', before: undefined, after: undefined, backward, forward, ...detail };
}
