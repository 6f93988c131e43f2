import { definitionOf, versionOf, type Definitions } from '../events/definitions.js';
import type { MessageDefinition, MessageKind } from '../events/definition.js';
import type { JsonSchema } from '../events/schema-fields.js';
import type { Change } from './change.js';
import { compareSchemas } from './compare.js';
import { findingOf, type Finding, type Place } from './finding.js';
import { listChanges } from './list-changes.js';
import { lookAlikesOf } from './look-alikes.js';
import { brokenReaders } from './readable-from.js';
import { retiredVersionsOf, type RetiredVersion } from './retired.js';
import { checkSamples, outdatedSamples, type CommittedSamples, type SampleFinding } from './samples.js';
import { publishedSchema } from './published-schema.js';
import { RULES, type RuleId } from './rules.js';

/** A version of a schema that was committed. */
export interface CommittedSchema {
  type: string;
  version: number;
  schema: JsonSchema;
}

/** What is committed of a fleet. */
export interface Committed {
  schemas: readonly CommittedSchema[];
  samples: readonly CommittedSamples[];
  /** The OpenAPI document of its API. */
  api?: JsonSchema;
}

/** The result of the gate. */
export interface GateResult {
  findings: Finding[];
  sampleFindings: SampleFinding[];
  /** The number of compared versions. */
  compared: number;
  /** The number of compared operations of the API; undefined if none are committed. */
  comparedOperations?: number;
}

/** Compares the catalogue with every committed version. Within a version, an event must be readable in both directions:
 *  new code reads stored events, and during a deployment old code reads new ones. A command must be readable by new
 *  code; that old handlers refuse it is a warning. What old code reads is compared only for versions that are still
 *  written. A retired version may be absent; its fields still reserve their names. Every committed sample must be read
 *  as before. */
export function checkCatalogue(
  definitions: Definitions,
  { schemas, samples }: Committed,
  retired: readonly RetiredVersion[] = [],
): GateResult {
  const isRetired = ({ type, version }: CommittedSchema) => {
    const definition = definitionOf(definitions, type);
    const isAbsent = definition !== undefined && definition.versions[version] === undefined;
    return isAbsent && retiredVersionsOf(retired, type).includes(version);
  };
  const compared = schemas.filter((old) => !isRetired(old));
  return {
    findings: [
      ...compared.flatMap((old) => checkVersion(definitions, schemas, old)),
      ...Object.entries(definitions).flatMap(([type, definition]) => checkReadableFrom(type, definition, schemas)),
      ...checkNames(definitions),
    ],
    sampleFindings: checkSamples(definitions, samples),
    compared: compared.length,
  };
}

/** Returns the part of the catalogue whose files are missing or differ. */
export function outdatedFiles(definitions: Definitions, { schemas, samples }: Committed): Committed {
  const known = new Map(schemas.map(({ type, version, schema }) => [`${type} ${version}`, JSON.stringify(schema)]));
  return {
    schemas: publishedSchemas(definitions).filter(
      ({ type, version, schema }) => known.get(`${type} ${version}`) !== JSON.stringify(schema),
    ),
    samples: outdatedSamples(definitions, samples),
  };
}

/** The schemas of all versions of a catalogue, sorted by type and version. */
export function publishedSchemas(definitions: Definitions): CommittedSchema[] {
  return Object.entries(definitions)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([type, definition]) =>
      Object.keys(definition.versions).map((version) => ({
        type,
        version: Number(version),
        schema: publishedSchema(type, Number(version), definition),
      })),
    );
}

/** One warning for each pair of names, at the second in the order of the alphabet. */
function checkNames(definitions: Definitions): Finding[] {
  return Object.keys(definitions).flatMap((type) =>
    lookAlikesOf(type, definitions)
      .filter((other) => other < type)
      .map((other) => ({
        rule: 'name-look-alike',
        severity: 'warning',
        type,
        version: 1,
        pointer: '/$id',
        field: '',
        backward: 'warns',
        forward: 'warns',
        why: `Its name is easily confused with ${other}.`,
        remedy: 'Rename the newer type, or permit both names in schemas/exceptions.json.',
      })),
  );
}

function checkVersion(
  definitions: Definitions,
  committed: readonly CommittedSchema[],
  { type, version, schema }: CommittedSchema,
): Finding[] {
  const kind: MessageKind = schema['x-kind'] === 'command' ? 'command' : 'event';
  const definition = definitionOf(definitions, type);
  const newest = definition?.latest;
  const place: Place = {
    ...{ type, version, kind, isWritten: true, old: { schema, root: schema } },
    remedy: (rule, severity) => remedyOf(rule, severity, { type, version, kind, isNewest: version === newest }),
  };
  const found = (changed: Pick<Change, 'rule'> & Partial<Change>): Finding[] =>
    findingOf(place, { steps: [], ...RULES[changed.rule], ...changed });
  if (definition === undefined) return found({ rule: 'type-removed' });
  if (definition.versions[version] === undefined) return found({ rule: 'version-removed' });
  if (definition.kind !== kind) return found({ rule: 'kind-changed', before: kind, after: definition.kind });
  const now = publishedSchema(type, version, definition);
  place.now = { schema: now, root: now };
  place.isWritten = isWritten(definition, version);
  const changes = compareSchemas(place.old, place.now);
  const earlier = committed.filter((other) => other.type === type && other.version < version);
  return [
    ...changes.map((change) => reused(change, earlier, now)).flatMap(found),
    ...listChanges(schema, now).flatMap(found),
    ...readableFromChange(schema, now).flatMap(found),
  ];
}

/** A change of `x-readable-from`. That a lower value holds is checked for the version, whatever is committed. */
function readableFromChange(before: JsonSchema, after: JsonSchema): (Pick<Change, 'rule'> & Partial<Change>)[] {
  const key = 'x-readable-from';
  const [old, now] = [before[key], after[key]].map((from) => (typeof from === 'number' ? from : undefined));
  if (old === now) return [];
  const isRaised = old !== undefined && (now === undefined || now > old);
  return [{ rule: isRaised ? 'readable-from-raised' : 'readable-from-lowered', key, before: old, after: now }];
}

function checkReadableFrom(
  type: string,
  definition: MessageDefinition,
  committed: readonly CommittedSchema[],
): Finding[] {
  const ofType = committed.filter((each) => each.type === type);
  return brokenReaders(type, definition, ofType).flatMap(({ version, reader, before, after, change, why }) => {
    const [old, now] = [before, after].map((schema) => ({ schema, root: schema }));
    if (old === undefined || now === undefined) return [];
    const remedy = () =>
      `readableFrom of version ${version}: ` +
      (reader + 1 < version ? `Raise it to ${reader + 1}, or remove it.` : 'Remove it.');
    const place: Place = { type, version, kind: 'event', isWritten: true, old, now, remedy };
    return findingOf(place, { ...change, backward: 'ok' }).map((finding) => ({
      ...finding,
      rule: 'readable-from-broken',
      why: `By readableFrom, readers of version ${reader} may read version ${version}. ${why}`,
    }));
  });
}

/** Whether new code writes data of this version. A fleet writes the newest version only; publishers outside may write any
 *  version of the types that are open to them. */
function isWritten({ latest, outside }: MessageDefinition, version: number): boolean {
  return version === latest || outside !== undefined;
}

/** A field that is added under the name of a field of an earlier version must have the type of that field. */
function reused(change: Change, earlier: readonly CommittedSchema[], root: JsonSchema): Change {
  if (!change.rule.startsWith('field-added') || change.steps.length > 0) return change;
  const clash = earlier.find(({ schema }) => {
    const old = (schema['properties'] as Record<string, JsonSchema> | undefined)?.[change.key];
    if (old === undefined) return false;
    const pair = compareSchemas({ schema: old, root: schema }, { schema: change.after as JsonSchema, root });
    return pair.some(({ rule }) => rule === 'type-changed');
  });
  if (clash === undefined) return change;
  return { ...change, rule: 'field-name-reused', before: `version ${clash.version}`, ...RULES['field-name-reused'] };
}

function remedyOf(
  rule: RuleId,
  severity: Finding['severity'],
  { type, version, kind, isNewest }: { type: string; version: number; kind: MessageKind; isNewest: boolean },
): string {
  if (rule === 'type-removed' || rule === 'version-removed')
    return 'Keep it while messages of it are stored or queued.';
  if (rule === 'readable-from-raised') return 'Deploy the workers that read older versions before the publishers.';
  if (severity === 'warning') {
    return kind === 'command' ? 'Deploy the handler before the senders.' : 'Check the readers of the field.';
  }
  if (rule === 'field-renamed?') {
    return `Add version ${version + 1} of ${type} with the new name, and an upcaster that moves the value.`;
  }
  const undo = `Undo the change, and add version ${version + 1} of ${type} with an upcaster.`;
  if (!isNewest) return undo;
  return `${undo} If no process has written version ${version} yet: flotilla schemas write --replace ${type}@${version}`;
}

/** Returns the type and version of a published schema; undefined for a foreign document. */
export function identityOf(schema: JsonSchema): { type: string; version: number } | undefined {
  const id = String(schema['$id']);
  const [, type = ''] = /^urn:flotilla:([a-z0-9_.]+):\d+$/.exec(id) ?? [];
  const version = versionOf(type, id);
  return version === undefined ? undefined : { type, version };
}
