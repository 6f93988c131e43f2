import type { JsonSchema } from '../events/schema-fields.js';
import type { Change } from './change.js';
import { RULES, type RuleId } from './rules.js';

const LISTS: readonly [key: string, added: RuleId, removed: RuleId][] = [
  ['x-rules', 'rule-added', 'rule-removed'],
  ['x-pii', 'pii-added', 'pii-removed'],
];

/** The differences of the named rules and of the personal fields of two published schemas. */
export function listChanges(before: JsonSchema, after: JsonSchema): Change[] {
  return LISTS.flatMap(([key, added, removed]) => {
    const [old = [], now = []] = [before[key], after[key]].map((list) => (Array.isArray(list) ? list.map(String) : []));
    const change = (rule: RuleId, names: Pick<Change, 'before' | 'after'>): Change => ({
      rule,
      key,
      steps: [],
      ...RULES[rule],
      ...names,
    });
    return [
      ...old.filter((name) => !now.includes(name)).map((name) => change(removed, { before: name, after: undefined })),
      ...now.filter((name) => !old.includes(name)).map((name) => change(added, { before: undefined, after: name })),
    ];
  });
}
