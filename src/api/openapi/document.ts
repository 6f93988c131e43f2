import type { ApiDocument } from '../documents/api-document.js';
import type { Route } from '../route.js';
import { responseHeaders } from './headers.js';
import { operationOf } from './operation.js';
import { OPERATIONS_TAG, ownPaths } from './own-operations.js';
import { requestHeaders } from './parameters.js';
import { Schemas, type Json } from './schemas.js';

/** The `info` of the OpenAPI document, and the tags that routes name. */
export interface ApiInfo {
  title: string;
  version: string;
  /** CommonMark. */
  description?: string;
  contact?: { name?: string; url?: string; email?: string };
  license?: { name: string; identifier?: string; url?: string };
  tags?: readonly { name: string; description: string }[];
}

/** The OpenAPI document of every API, without its content. */
export const openApiDocument = {
  path: '/openapi.json',
  contentType: 'application/json; charset=utf-8',
  cache: 'revalidate',
  operation: { operationId: 'getOpenApi', summary: 'Read this document', description: 'OpenAPI 3.1.' },
} as const satisfies Omit<ApiDocument, 'content'>;

/** Returns the OpenAPI 3.1 document of these routes and documents, derived from the schemas that validate requests and
 *  from the problem types that the routes declare. Throws `fleet.invalid` if two different schemas have the same id. */
export function openApi(
  routes: readonly Route[],
  info: ApiInfo,
  { token, documents }: { token: boolean; documents: readonly ApiDocument[] },
): Json {
  const access = token ? 'request.unauthorized' : 'request.foreign';
  const { tags = [], ...rest } = info;
  const schemas = new Schemas();
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replace(/:([A-Za-z0-9_]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: operationOf(route, schemas, access) };
  }
  Object.assign(paths, ownPaths(schemas, access, [openApiDocument, ...documents]));
  return {
    openapi: '3.1.0',
    info: { ...rest, description: [info.description, authentication(token)].filter(Boolean).join('\n\n') },
    servers: [{ url: '/', description: 'Where this document comes from' }],
    tags: [...tags, OPERATIONS_TAG],
    security: token ? [{ bearer: [] }] : [],
    paths,
    components: {
      schemas: schemas.components,
      responses: schemas.responses,
      parameters: used(requestHeaders, 'parameters', paths, schemas.responses),
      headers: used(responseHeaders, 'headers', paths, schemas.responses),
      ...(token && {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'The `API_TOKEN` of the fleet' } },
      }),
    },
  };
}

/** The components that the rest of the document refers to. */
function used(components: Record<string, Json>, kind: string, ...document: Json[]): Record<string, Json> {
  const text = JSON.stringify(document);
  return Object.fromEntries(
    Object.entries(components).filter(([name]) => text.includes(`"#/components/${kind}/${name}"`)),
  );
}

const authentication = (token: boolean) =>
  token
    ? 'Every request but those for health needs the bearer token.'
    : 'This API has no token: it answers only requests to a loopback name (`localhost`, `127.0.0.1`, `[::1]`), and none from pages of other sites.';
