import { z } from 'zod';
import type { Route } from './route.js';

export interface ApiInfo {
  title: string;
  version: string;
}

type Json = Record<string, unknown>;

const problemRef = { $ref: '#/components/responses/Problem' };

/** The OpenAPI 3.1 document of these routes, out of the schemas that check their requests. */
export function openApi(routes: readonly Route[], info: ApiInfo, { token }: { token: boolean }): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replace(/:([A-Za-z0-9_]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info,
    paths,
    components: {
      responses: {
        Problem: {
          description: 'What went wrong (RFC 9457)',
          content: { 'application/problem+json': { schema: jsonSchema(problemBody) } },
        },
      },
      ...(token && { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }),
    },
    ...(token && { security: [{ token: [] }] }),
  };
}

const problemBody = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  code: z.string(),
  instance: z.string(),
  correlationId: z.string(),
  /** Where the conflict is that a version was not the expected one. */
  currentVersion: z.int().optional(),
  errors: z
    .array(z.object({ in: z.enum(['path', 'query', 'body']), path: z.string(), message: z.string() }))
    .optional(),
});

function operation(route: Route): Json {
  const parameters = [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')];
  if (route.method !== 'get') {
    const description = 'The same key with the same body is done once and answered the same';
    parameters.push({ name: 'Idempotency-Key', in: 'header', description, schema: { type: 'string', maxLength: 255 } });
  }
  parameters.push(...conditionsOf(route));
  const answers: [string, Json][] = Object.entries(route.responses).map(([status, schema]) => [
    status,
    {
      description: 'Done',
      ...(route.versioned && {
        headers: { ETag: { description: 'The version, in quotes', schema: { type: 'string' } } },
      }),
      content: { 'application/json': { schema: jsonSchema(schema, 'output') } },
    },
  ]);
  if (route.versioned && route.method === 'get') answers.push(['304', { description: 'You have it already' }]);
  return {
    ...(route.summary !== undefined && { summary: route.summary }),
    ...(parameters.length > 0 && { parameters }),
    ...(route.body !== undefined && {
      requestBody: {
        required: !route.body.safeParse(undefined).success,
        content: { 'application/json': { schema: jsonSchema(route.body) } },
      },
    }),
    responses: { ...Object.fromEntries(answers), default: problemRef },
  };
}

function conditionsOf({ method, versioned, ifMatch }: Route): Json[] {
  const header = (name: string, description: string) => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string' },
  });
  return [
    ...(ifMatch ? [header('If-Match', 'An ETag: done only while that is the version, else 409 store.conflict')] : []),
    ...(versioned && method === 'get' ? [header('If-None-Match', 'An ETag: 304 while that is the version')] : []),
  ];
}

function parametersOf(schema: z.ZodType, place: 'path' | 'query'): Json[] {
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path' || !field.safeParse(undefined).success,
    schema: jsonSchema(field),
  }));
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output' = 'input'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
