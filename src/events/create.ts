import { FlotillaError } from '../errors.js';
import { subjectText, type EventContext, type UnsequencedEvent } from './envelope.js';
import { dataschemaOf, definitionOf, type Definitions } from './definitions.js';
import { newId } from './ids.js';
import { isPersonal, piiPaths } from './personal.js';

/** Creates an event of a version of its type, the latest by default. Strict: throws `contract.invalid_data` when the data does not
 *  match the schema exactly or the subject is not one line of at most 512 characters, and `contract.unknown_type`
 *  when the catalogue has no such type or version. */
export function createEvent(
  definitions: Definitions,
  type: string,
  data: unknown,
  context: EventContext,
  wanted?: number,
): UnsequencedEvent {
  const definition = definitionOf(definitions, type);
  if (definition === undefined) throw new FlotillaError('contract.unknown_type', type);
  const version = wanted ?? definition.latest;
  const schema = definition.versions[version];
  if (schema === undefined) throw new FlotillaError('contract.unknown_type', `${type} has no version ${version}`);
  const result = schema.safeParse(data);
  if (!result.success) {
    throw new FlotillaError(
      'contract.invalid_data',
      `${type}: ${describeIssues(result.error.issues, piiPaths(schema))}`,
    );
  }
  const subject = subjectText.safeParse(context.subject);
  if (!subject.success) {
    throw new FlotillaError('contract.invalid_data', `${type}, subject: ${describeIssues(subject.error.issues)}`);
  }
  const readableFrom = definition.readableFrom[version];
  return {
    specversion: '1.0',
    id: context.id,
    source: context.source,
    type,
    subject: context.subject,
    time: context.time,
    datacontenttype: 'application/json',
    dataschema: dataschemaOf(type, version),
    ...(readableFrom !== undefined && { readablefrom: String(readableFrom) }),
    correlationid: context.correlationId,
    ...(context.causationId !== undefined && { causationid: context.causationId }),
    ...(context.traceparent !== undefined && { traceparent: context.traceparent }),
    data,
  };
}

/** Creates the context of an event without a cause. Its id is new; `correlationId` defaults to the id, `now` to the
 *  current time, in milliseconds since the epoch. */
export function originContext(options: {
  source: string;
  subject: string;
  now?: number;
  correlationId?: string;
  traceparent?: string;
}): EventContext {
  const now = options.now ?? Date.now();
  const id = newId(now);
  return {
    id,
    source: options.source,
    subject: options.subject,
    time: new Date(now).toISOString(),
    correlationId: options.correlationId ?? id,
    ...(options.traceparent !== undefined && { traceparent: options.traceparent }),
  };
}

/** Maximum length of a path or message: both may contain names from the input. */
const MAX_TEXT_LENGTH = 200;

/** Describes zod issues in one line, without the values, which may be personal. For fields at `personal` paths it
 *  also omits the message, which a schema may build from the value. */
export function describeIssues(
  issues: readonly { code?: string; path: PropertyKey[]; message: string }[],
  personal: readonly string[] = [],
): string {
  const shown = issues.slice(0, 5).map(({ code, path, message }) => {
    const where = path.map(String).join('.').slice(0, MAX_TEXT_LENGTH) || '(all)';
    const what = isPersonal(path, personal)
      ? `not valid (${code ?? 'personal data'})`
      : message.slice(0, MAX_TEXT_LENGTH);
    return `${where}: ${what}`;
  });
  if (issues.length > shown.length) shown.push(`and ${issues.length - shown.length} more`);
  return shown.join('; ');
}
