import { RULES } from '../../src/contracts/rules.js';
import { code, page, plain, table } from './markdown.js';

export function schemaRulesPage(): string {
  return page(
    'Rules for schemas',
    'src/contracts/rules.ts',
    '`flotilla schemas check` compares each version of a message type with its committed schema. *Backward* is new code that reads data which old code wrote; *forward* is old code that reads data which new code writes. A writer writes the declared fields only, a reader ignores fields that it does not know.',
    'Within a version, an event must not break in either direction. A command must not break backward; what breaks forward is a warning. Forward is compared for versions that are still written: the newest one, and every version of a type that `fromOutside` opens. Rule ids are stable.',
    'The API is compared by the same rules: a request as a command that the server reads, a response after a success as an event that clients read.',
    table(
      ['Rule', 'Backward', 'Forward', 'Why'],
      Object.entries(RULES).map(([rule, { backward, forward, why }]) => [code(rule), backward, forward, plain(why)]),
    ),
  );
}
