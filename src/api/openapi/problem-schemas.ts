import { z } from 'zod';
import type { ErrorCode } from '../../errors.js';
import { http } from '../../net/node-http.js';
import { problemType, type ProblemCode, type ProblemType } from '../problems/problems.js';
import type { Json, Schemas } from './schemas.js';

const problemBody = z
  .object({
    type: z.string().describe('`urn:flotilla:problem:<code>`'),
    title: z.string().describe('The same for every problem of this type'),
    status: z.int(),
    detail: z.string().optional().describe('About this occurrence'),
    code: z.string().describe('Stable; identifies the problem type'),
    instance: z.string().meta({ format: 'uri-reference' }).describe('The path of the request'),
    correlationId: z.string().describe('Identifies the request in logs and events'),
  })
  .meta({ id: 'Problem', description: 'A problem (RFC 9457)' });

/** The members of problems of a type in addition to those of every problem. */
const members: Partial<Record<string, z.ZodObject>> = {
  'request.invalid': z.object({
    errors: z
      .array(
        z
          .object({ in: z.enum(['path', 'query', 'body']), path: z.string(), message: z.string() })
          .meta({ id: 'FieldError', description: 'A field that is not valid, without its value' }),
      )
      .min(1),
  }),
  'request.precondition_failed': z.object({
    currentVersion: z.int().min(0).optional().describe('The version that the resource is at'),
  }),
  'store.conflict': z.object({ currentVersion: z.int().min(0).describe('The version that the resource is at') }),
};

/** Problem types of the server and of the library, by code. */
export function ofServer(...codes: (ProblemCode | ErrorCode)[]): ProblemType[] {
  return codes.map(problemType);
}

/** The problems of a temporarily unavailable process: for reads, and for writes. */
export const readUnavailable = ofServer('request.timeout', 'store.closed', 'store.moved', 'store.damaged');
export const writeUnavailable = [
  ...readUnavailable,
  ...ofServer('relay.lagging', 'store.busy', 'store.full', 'store.group_aborted', 'store.overloaded'),
];

/** The schema of every problem. */
export function anyProblem(schemas: Schemas): Json {
  return schemas.response(problemBody);
}

/** Names of responses with several codes that many operations share. */
const sharedNames: Readonly<Record<string, string>> = {
  [codesOf(readUnavailable)]: 'ReadUnavailable',
  [codesOf(writeUnavailable)]: 'WriteUnavailable',
  [codesOf([...readUnavailable, ...ofServer('tables.missing')])]: 'TablesUnavailable',
};

/** The responses of an operation that may have these problems, by status. Those of one problem type, and those with a
 *  shared name, are components. */
export function problemResponses(
  types: readonly ProblemType[],
  schemas: Schemas,
  headers: Readonly<Record<string, Json>>,
): Record<string, Json> {
  const byStatus = new Map<number, Map<string, ProblemType>>();
  for (const type of types) {
    const group = byStatus.get(type.status) ?? new Map<string, ProblemType>();
    byStatus.set(type.status, group.set(type.code, type));
  }
  const responses = [...byStatus].map(([status, group]): [string, Json] => {
    const [first, ...others] = [...group.values()];
    const response = problemResponse(status, [...group.values()], schemas, headers);
    const name =
      first !== undefined && others.length === 0 ? pascal(first.code) : sharedNames[codesOf([...group.values()])];
    if (name === undefined) return [String(status), response];
    schemas.responses[name] = response;
    return [String(status), { $ref: `#/components/responses/${name}` }];
  });
  return Object.fromEntries(responses);
}

function problemResponse(
  status: number,
  types: readonly ProblemType[],
  schemas: Schemas,
  headers: Readonly<Record<string, Json>>,
): Json {
  const variants = types.map((type) => ({
    code: type.code,
    ref: schemas.add(`${pascal(type.code)}Problem`, problemSchema(type, schemas)),
  }));
  const mapping = Object.fromEntries(variants.map(({ code, ref }) => [code, ref.$ref]));
  const schema =
    variants.length === 1
      ? variants[0]?.ref
      : { oneOf: variants.map(({ ref }) => ref), discriminator: { propertyName: 'code', mapping } };
  return {
    description: `${http.STATUS_CODES[status] ?? 'Problem'}: ${types.map(({ code }) => `\`${code}\``).join(', ')}`,
    headers: { ...headers, ...headersOf(status) },
    content: { 'application/problem+json': { schema } },
  };
}

function problemSchema({ code, status, title }: ProblemType, schemas: Schemas): Json {
  const more = members[code];
  const { properties, required = [] }: { properties?: Json; required?: string[] } =
    more === undefined ? {} : schemas.response(more);
  return {
    allOf: [anyProblem(schemas)],
    type: 'object',
    description: title,
    properties: {
      type: { const: `urn:flotilla:problem:${code}` },
      title: { const: title },
      status: { const: status },
      code: { const: code },
      ...properties,
    },
    required: ['type', 'title', 'status', 'code', ...required],
  };
}

function headersOf(status: number): Record<string, Json> {
  const header = (name: string) => ({ [name]: { $ref: `#/components/headers/${name}` } });
  if (status === 401) return header('WWW-Authenticate');
  if (status === 503 || status === 409) return header('Retry-After');
  return status === 412 ? header('ETag') : {};
}

function codesOf(types: readonly ProblemType[]): string {
  return types.map(({ code }) => code).join(' ');
}

/** `order.not_found` becomes `OrderNotFound`. */
const pascal = (code: string) =>
  code
    .split(/[._]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
