import { z } from 'zod';
import { keyPattern } from '../idempotency/idempotency-key.js';
import type { Route } from '../route.js';
import type { Json, Schemas } from './schemas.js';

const header = (name: string, description: string, schema: Json): Json => ({ name, in: 'header', description, schema });

/** Request headers, as components. */
export const requestHeaders = {
  CorrelationId: header(
    'X-Correlation-Id',
    'The correlation id of the request; without a valid one it gets a new one',
    {
      type: 'string',
    },
  ),
  TraceParent: header('traceparent', 'W3C Trace Context; a malformed one is ignored', { type: 'string' }),
  IdempotencyKey: header(
    'Idempotency-Key',
    'The request is done once for each key and body, and answered the same for 24 hours. With or without quotes',
    { type: 'string', pattern: keyPattern },
  ),
  IfMatch: header('If-Match', 'Done only while the resource has one of these entity tags, otherwise 412', {
    type: 'string',
  }),
  IfNoneMatch: header('If-None-Match', 'Answered with 304 while the resource has one of these entity tags', {
    type: 'string',
  }),
} satisfies Record<string, Json>;

/** The parameters of a route. */
export function parametersOf(route: Route, schemas: Schemas): Json[] {
  return [
    ...inputs(route.params, 'path', schemas),
    ...inputs(route.query, 'query', schemas),
    ...(route.method === 'get'
      ? refs('IfNoneMatch', ...(route.versioned ? (['IfMatch'] as const) : []))
      : refs('IdempotencyKey', ...(route.ifMatch ? (['IfMatch'] as const) : []))),
    ...refs('CorrelationId', 'TraceParent'),
  ];
}

function refs(...names: (keyof typeof requestHeaders)[]): Json[] {
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

function inputs(schema: z.ZodType, place: 'path' | 'query', schemas: Schemas): Json[] {
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, field]) => {
    const { description, ...rest } = schemas.request(field);
    return {
      name,
      in: place,
      required: place === 'path' || !field.safeParse(undefined).success,
      ...(description !== undefined && { description }),
      schema: rest,
    };
  });
}

/** Whether the path parameters or the query of a request can be invalid. */
export function hasInputs({ params, query }: Pick<Route, 'params' | 'query'>): boolean {
  return [params, query].some((schema) => !(schema instanceof z.ZodObject) || Object.keys(schema.shape).length > 0);
}
