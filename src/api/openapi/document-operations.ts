import type { ApiDocument } from '../documents/api-document.js';
import { headerRefs } from './headers.js';
import { ofServer, problemResponses } from './problem-schemas.js';
import type { Json, Schemas } from './schemas.js';

/** The properties of a document that its operation describes. */
export type DescribedDocument = Pick<ApiDocument, 'path' | 'contentType' | 'operation'>;

/** The operations of documents, by path. Pages and files have none. */
export function documentPaths(
  documents: readonly DescribedDocument[],
  schemas: Schemas,
  { tag, access }: { tag: string; access: 'request.unauthorized' | 'request.foreign' },
): Record<string, Json> {
  return Object.fromEntries(
    documents.flatMap(({ path, contentType, operation }) => {
      if (operation === undefined) return [];
      const { operationId, summary, description, schema, problems = [] } = operation;
      const names = [...path.matchAll(/:([A-Za-z0-9_]+)/g)].map(([, name = '']) => name);
      const headers = headerRefs('X-Correlation-Id', 'ETag');
      const refusals = [...(names.length > 0 ? ofServer('request.malformed') : []), ...ofServer(access, 'internal')];
      const get = {
        operationId,
        summary,
        description,
        tags: [tag],
        parameters: [
          ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
          { $ref: '#/components/parameters/IfNoneMatch' },
        ],
        responses: {
          '200': {
            description: 'The document',
            headers,
            content: {
              [contentType.split(';', 1).join('')]: {
                schema: schema === undefined ? { type: 'object' } : schemas.response(schema),
              },
            },
          },
          '304': { description: 'Not modified: the client has the current version', headers },
          ...problemResponses([...refusals, ...problems], schemas, headerRefs('X-Correlation-Id')),
        },
      };
      return [[path.replace(/:([A-Za-z0-9_]+)/g, '{$1}'), { get }]];
    }),
  );
}
