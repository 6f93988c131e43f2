/** `ok`: nothing breaks. `warns`: nothing breaks, but a reader should know. `breaks`: a reader refuses the data, or reads
 *  it with another meaning. */
export type Verdict = 'ok' | 'warns' | 'breaks';

/** A rule of the gate. `backward`: new code reads data that old code wrote. `forward`: old code reads data that new code
 *  writes. */
interface Rule {
  backward: Verdict;
  forward: Verdict;
  /** What follows for the reader that is hurt, as one sentence. */
  why: string;
}

const rule = (backward: Verdict, forward: Verdict, why: string): Rule => ({ backward, forward, why });

/** Every kind of change between two schemas of one version, by its stable id. */
export const RULES = {
  'field-added-optional': rule('ok', 'ok', 'Old data do not have the field, and older readers ignore it.'),
  'field-added-required': rule('breaks', 'ok', 'Stored data do not have the field.'),
  'field-became-required': rule('breaks', 'ok', 'Stored data may not have the field.'),
  'field-removed-optional': rule('ok', 'warns', 'Older readers that use the field no longer receive it.'),
  'field-removed-required': rule('ok', 'breaks', 'Older readers require the field.'),
  'field-became-optional': rule('ok', 'breaks', 'Older readers require the field.'),
  'field-refused-now': rule('breaks', 'ok', 'Old clients send the field, and the server refuses unknown fields.'),
  'field-refused-before': rule('ok', 'breaks', 'Older servers refuse fields that they do not know.'),
  'field-renamed?': rule('breaks', 'breaks', 'Readers of either name do not find data written under the other.'),
  'field-name-reused': rule('breaks', 'breaks', 'An earlier version gave this name to a field of another type.'),
  'type-widened': rule('ok', 'breaks', 'Older readers refuse the added type.'),
  'type-narrowed': rule('breaks', 'ok', 'Stored data may have the removed type.'),
  'type-changed': rule('breaks', 'breaks', 'Neither type includes the other.'),
  'const-changed': rule('breaks', 'breaks', 'Readers of either value refuse the other.'),
  'discriminator-changed': rule('breaks', 'breaks', 'Readers distinguish the members by another field.'),
  'nullable-added': rule('ok', 'breaks', 'Older readers refuse null.'),
  'nullable-removed': rule('breaks', 'ok', 'Stored data may be null.'),
  'enum-value-added': rule('ok', 'breaks', 'Older readers refuse the added value.'),
  'enum-value-removed': rule('breaks', 'ok', 'Stored data may have the removed value.'),
  'bound-tightened': rule('breaks', 'ok', 'Stored data may be outside the new bound.'),
  'bound-loosened': rule('ok', 'breaks', 'Older readers refuse values outside the old bound.'),
  'bound-changed': rule('breaks', 'breaks', 'Neither bound includes the other.'),
  'pattern-added': rule('breaks', 'ok', 'Stored data may not match the pattern.'),
  'pattern-removed': rule('ok', 'breaks', 'Older readers refuse text that does not match the pattern.'),
  'pattern-changed': rule('breaks', 'breaks', 'Whether one pattern includes the other cannot be decided.'),
  'format-added': rule('breaks', 'ok', 'Stored data may not have the format.'),
  'format-removed': rule('ok', 'breaks', 'Older readers refuse text without the format.'),
  'format-changed': rule('breaks', 'breaks', 'Text of one format is refused where the other is expected.'),
  'object-closed': rule('breaks', 'ok', 'Stored data may have other fields, which a replay or an edit would refuse.'),
  'object-opened': rule('ok', 'warns', 'Older readers ignore the other fields.'),
  'default-changed': rule('warns', 'warns', 'Requests without the field have another effect than before.'),
  'keyword-changed': rule('breaks', 'breaks', 'The effect of this keyword is not compared.'),
  'rule-added': rule('breaks', 'ok', 'Stored data may violate the rule.'),
  'rule-removed': rule('ok', 'breaks', 'Older readers refuse data that violate the rule.'),
  'upcast-changed': rule('breaks', 'ok', 'Stored data are read with another meaning than before.'),
  'upcast-refused': rule('breaks', 'ok', 'The upcasters make data that the newest version refuses.'),
  'sample-refused': rule('breaks', 'ok', 'Data of this version are committed as a sample.'),
  'pii-removed': rule('breaks', 'breaks', 'Stored personal data would be printed and logged.'),
  'pii-added': rule('breaks', 'breaks', 'Logs and copies of this field exist that were written without a mark.'),
  'readable-from-broken': rule(
    'ok',
    'breaks',
    'Readers of an earlier version, which may read it by readableFrom, refuse it.',
  ),
  'readable-from-lowered': rule('ok', 'ok', 'More readers may read new data, and their schemas accept it.'),
  'readable-from-raised': rule('ok', 'warns', 'Readers of an earlier version no longer read new data.'),
  'kind-changed': rule('breaks', 'breaks', 'An event has many readers, a command has one handler.'),
  'type-removed': rule('breaks', 'ok', 'Stored messages of this type can no longer be read.'),
  'version-removed': rule('breaks', 'ok', 'Stored messages of this version can no longer be read.'),
  'route-removed': rule('breaks', 'ok', 'Clients call it.'),
  'operation-renamed': rule('warns', 'warns', 'Generated clients have a method of this name.'),
  'status-removed': rule('ok', 'breaks', 'Clients expect this status after a success.'),
  'status-added': rule('ok', 'breaks', 'Older clients do not expect this status after a success.'),
  'name-look-alike': rule('warns', 'warns', 'Its name is easily confused with the name of another type.'),
} as const satisfies Record<string, Rule>;

export type RuleId = keyof typeof RULES;
