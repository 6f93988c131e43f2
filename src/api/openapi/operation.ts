import type { HeaderSpec, Route } from '../route.js';
import { headerRefs } from './headers.js';
import { hasInputs, parametersOf } from './parameters.js';
import { ofServer, problemResponses, readUnavailable, writeUnavailable } from './problem-schemas.js';
import type { Json, Schemas } from './schemas.js';
import { http } from '../../net/node-http.js';

/** The operation of a route. `access`: the problem for unauthorized requests. */
export function operationOf(route: Route, schemas: Schemas, access: 'request.unauthorized' | 'request.foreign'): Json {
  const { summary, description, tag, body } = route;
  const headers = { ...headerRefs('X-Correlation-Id'), ...ownHeaders(route.headers, schemas) };
  return {
    operationId: route.operationId,
    ...(summary !== undefined && { summary }),
    ...(description !== undefined && { description }),
    ...(tag !== undefined && { tags: [tag] }),
    parameters: parametersOf(route, schemas),
    ...(body !== undefined && {
      requestBody: {
        required: !body.safeParse(undefined).success,
        content: { 'application/json': { schema: schemas.request(body) } },
      },
    }),
    responses: {
      ...successes(route, schemas, headers),
      ...problemResponses(
        [...serverProblems(route, access), ...route.problems],
        schemas,
        headerRefs('X-Correlation-Id'),
      ),
    },
  };
}

function successes(route: Route, schemas: Schemas, headers: Record<string, Json>): Record<string, Json> {
  const isRead = route.method === 'get';
  const responses = Object.entries(route.responses).map(([status, schema]): [string, Json] => [
    status,
    {
      description: http.STATUS_CODES[Number(status)] ?? 'Success',
      headers: {
        ...headers,
        ...(isRead || route.versioned ? headerRefs('ETag') : {}),
        ...(status === '201' ? headerRefs('Location') : {}),
        ...(isRead ? {} : headerRefs('Idempotency-Replayed')),
      },
      content: { 'application/json': { schema: schemas.response(schema) } },
    },
  ]);
  return {
    ...(responses.length === 0 ? { '2XX': { description: 'Success', headers } } : Object.fromEntries(responses)),
    ...(isRead && {
      '304': {
        description: 'Not modified: the client has the current version',
        headers: { ...headers, ...headerRefs('ETag') },
      },
    }),
  };
}

/** The problems that the server itself may return for this route, before, around and after its handler. */
function serverProblems(route: Route, access: 'request.unauthorized' | 'request.foreign') {
  const hasBody = route.body !== undefined;
  const isWrite = route.method !== 'get';
  const isConditional = isWrite ? route.ifMatch : route.versioned;
  return [
    ...(hasInputs(route) || hasBody ? ofServer('request.malformed', 'request.invalid') : []),
    ...(hasBody ? ofServer('request.malformed_json', 'request.too_large', 'request.unsupported_media_type') : []),
    ...(isConditional ? ofServer('request.malformed_if_match', 'request.precondition_failed') : []),
    ...ofServer(access),
    ...(isWrite ? ofServer('idempotency.invalid_key', 'idempotency.in_progress', 'idempotency.key_reused') : []),
    ...ofServer('internal'),
    ...(isWrite ? writeUnavailable : readUnavailable),
    ...(route.reads.length > 0 ? ofServer('tables.missing') : []),
  ];
}

function ownHeaders(headers: Readonly<Record<string, HeaderSpec>>, schemas: Schemas): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, { description, schema, optional = false }]) => [
      name,
      { description, schema: schemas.response(schema), ...(!optional && { required: true }) },
    ]),
  );
}
