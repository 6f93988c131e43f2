import { z } from 'zod';
import type { DocumentOperation } from '../api/documents/api-document.js';
import { ProblemError, problemType } from '../api/problems/problems.js';
import type { DescribedMessage, DescribedVersion, FleetDescription } from './describe-fleet.js';

const schemaEntry = z
  .object({
    type: z.string(),
    version: z.int().min(1),
    kind: z.enum(['event', 'command']),
    dataschema: z.string().describe('The `dataschema` of messages, and the `$id` of the schema'),
    href: z.string().describe('The path of the schema'),
  })
  .meta({ id: 'MessageSchemaEntry', description: 'A version of a message type' });

const schemaList = z
  .object({ items: z.array(schemaEntry).describe('Sorted by type and version') })
  .meta({ id: 'MessageSchemaList', description: 'The versions of every message type' });

const unknownSchema = problemType('schema.not_found');

export const listOperation: DocumentOperation = {
  operationId: 'listMessageSchemas',
  summary: 'List the schemas of messages',
  description: 'Every version of every message type of the fleet.',
  schema: schemaList,
};

export const schemaOperation: DocumentOperation = {
  operationId: 'getMessageSchema',
  summary: 'Read the schema of messages',
  description:
    'JSON Schema 2020-12 of the `data` of one version of a message type. A version may gain optional fields with a release.',
  problems: [unknownSchema],
};

/** The list of schemas, for an API below a path. */
export function schemaListOf({ messages }: FleetDescription, baseUrl: string): z.infer<typeof schemaList> {
  return {
    items: messages.flatMap(({ type, kind, versions }) =>
      versions.map(({ version, dataschema }) => ({
        type,
        version,
        kind,
        dataschema,
        href: `${baseUrl}/schemas/${type}/${version}`,
      })),
    ),
  };
}

/** Returns a message type. Throws `schema.not_found`. */
export function messageOf({ messages }: FleetDescription, type = ''): DescribedMessage {
  const message = messages.find((each) => each.type === type);
  if (message === undefined) throw new ProblemError(unknownSchema, { detail: 'The fleet has no such message type' });
  return message;
}

/** Returns a version of a message type. Throws `schema.not_found`. */
export function versionOf({ type, versions }: DescribedMessage, version = ''): DescribedVersion {
  const found = versions.find((each) => String(each.version) === version);
  if (found !== undefined) return found;
  const known = versions.map((each) => each.version).join(', ');
  throw new ProblemError(unknownSchema, { detail: `${type} has no such version; it has ${known}` });
}
