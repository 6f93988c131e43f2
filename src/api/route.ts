import { z } from 'zod';
import type { ExpectedVersions } from '../aggregates/expected-versions.js';
import type { EventContext } from '../events/envelope.js';
import { textLine } from '../events/text-line.js';
import { projectionLagHeaders } from '../projections/projection-lag.js';
import { isProjection, type Projection } from '../projections/definition.js';
import type { Store, Tx } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import type { Worker } from '../worker/definition/worker-definition.js';
import type { ProblemType } from './problems/problems.js';

export type WriteMethod = 'post' | 'put' | 'patch' | 'delete';
export type Method = 'get' | WriteMethod;

/** The reply of a route; the body is sent as JSON. */
export interface Reply {
  status: number;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  /** The version of the aggregate in the body; sent as the ETag. */
  version?: number;
}

/** The read methods of a store. */
export type StoreReader = Pick<
  Store,
  'service' | 'read' | 'readAll' | 'event' | 'snapshot' | 'head' | 'query' | 'checkpoint'
>;

/** The request of a route that reads. */
export interface ReadRequest<Params, Query> {
  params: Params;
  query: Query;
  store: StoreReader;
  /** The correlation id of this request: sent by the client, or a new id. */
  correlationId: string;
  /** W3C Trace Context, if the client sent it. */
  traceparent: string | undefined;
  /** Aborts when the client has disconnected or the time limit is over. */
  signal: AbortSignal;
  logger: Logger;
}

/** The request of a route that writes. */
export interface WriteRequest<Params, Query, Body> extends ReadRequest<Params, Query> {
  body: Body;
  /** The Idempotency-Key of the request, without quotes. */
  idempotencyKey: string | undefined;
  /** The versions in If-Match, for `execute` or `checkVersion`; undefined without the header, or if the route does not
   *  support it. With the header, a `ConflictError` results in 412, otherwise in 409. */
  expectedVersion: ExpectedVersions | undefined;
  /** Returns the context of a new event about `subject`, with the correlation of this request. */
  origin: (subject: string) => EventContext;
  /** Runs `work` in one transaction, which also stores the reply under the Idempotency-Key, and resolves with the
   *  reply, which is then sent. If another process has already committed a request with this key, `work` does not run
   *  and the stored reply is returned. An error rolls back the transaction; a reply of 4xx or 5xx is not stored. Call
   *  it once per request; `work` awaits only `tx`, and may run more than once. */
  commit: (work: (tx: Tx) => Promise<Reply>) => Promise<Reply>;
}

type ParamNames<Path extends string> = Path extends `${string}:${infer Rest}`
  ? Rest extends `${infer Name}/${infer Tail}`
    ? Name | ParamNames<Tail>
    : Rest
  : never;

/** The parameters in a path, as text. */
export type PathParams<Path extends string> = { [Name in ParamNames<Path>]: string };

/** A header of the successful responses of a route; for the documentation. */
export interface HeaderSpec {
  readonly description: string;
  /** The schema of the header's text. */
  readonly schema: z.ZodType;
  /** @default false: in every successful response */
  readonly optional?: boolean;
}

interface RouteDescription<Path extends string, P extends z.ZodType, Q extends z.ZodType> {
  /** In the syntax of Express: `/orders/:id`. */
  path: Path;
  /** @default texts of at most 200 characters */
  params?: P;
  /** The values are texts: coerce numbers. @default no parameters */
  query?: Q;
  /** The name of the operation in the OpenAPI document, and therefore of a method of generated clients, in camelCase:
   *  keep it stable. @default derived from method and path: `getNotesByIdTexts` */
  operationId?: string;
  /** One short line for the documentation. */
  summary?: string;
  /** CommonMark, for the documentation. */
  description?: string;
  /** The group of operations that it belongs to; see `ApiInfo.tags`. */
  tag?: string;
  /** Its replies have a `version`. For the documentation. @default false */
  versioned?: boolean;
  /** The response bodies by status; for the documentation, not validated. A schema with an id
   *  (`.meta({ id: 'Order' })`) becomes a component of the document. */
  responses?: Readonly<Record<number, z.ZodType>>;
  /** The projections and workers whose tables the handler queries, all in the store of the API. For a worker, these are
   *  the tables of its `migrations`; its projections must be listed separately. `runApi` creates the tables, and
   *  rejects with `fleet.invalid` if the API's store does not contain them.
   *
   *  The responses of a `get` that reads projections report their lag before the handler began: `Model-Position`,
   *  `Model-Lag` and `Model-Stopped`, as in `projectionLag`. For several projections, they report the oldest position
   *  and the greatest lag. @default none */
  reads?: readonly (Projection | Worker)[];
  /** Headers of successful responses in addition to ETag, Location, those of `reads` and those of every response; for
   *  the documentation. */
  headers?: Readonly<Record<string, HeaderSpec>>;
  /** The problem types of the handler, which it throws as `ProblemError` or as a refusal (`PermanentError`) with their
   *  code. A refusal with another code results in 409. */
  problems?: readonly ProblemType[];
}

export interface ReadRouteDefinition<
  Path extends string,
  P extends z.ZodType,
  Q extends z.ZodType,
> extends RouteDescription<Path, P, Q> {
  method: 'get';
  handler: (request: ReadRequest<z.output<P>, z.output<Q>>) => Promise<Reply>;
}

export interface WriteRouteDefinition<
  Path extends string,
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
> extends RouteDescription<Path, P, Q> {
  method: WriteMethod;
  /** Without a schema, a body is neither read nor required. */
  body?: B;
  /** The types that it appends or schedules. Another type rejects with `contract.undeclared_emit`, and nothing is
   *  stored. @default those that the fleet declares for its API; without them, any type */
  emits?: readonly string[];
  /** Supports If-Match: see `expectedVersion`. @default false */
  ifMatch?: boolean;
  handler: (request: WriteRequest<z.output<P>, z.output<Q>, z.output<B>>) => Promise<Reply>;
}

/** A route of an API, with erased input types. */
export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body?: z.ZodType;
  /** Undefined: not declared. */
  readonly emits?: readonly string[];
  readonly operationId: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tag?: string;
  readonly versioned: boolean;
  readonly ifMatch: boolean;
  readonly reads: readonly (Projection | Worker)[];
  /** The projections whose lag its responses report. */
  readonly reportsLagOf: readonly string[];
  readonly responses: Readonly<Record<number, z.ZodType>>;
  readonly headers: Readonly<Record<string, HeaderSpec>>;
  readonly problems: readonly ProblemType[];
  // a method, so that routes of different input types are assignable; inputs have passed the schemas above
  handler(this: void, request: WriteRequest<unknown, unknown, unknown>): Promise<Reply>;
}

interface AnyDefinition extends RouteDescription<string, z.ZodType, z.ZodType> {
  method: Method;
  body?: z.ZodType;
  emits?: readonly string[];
  ifMatch?: boolean;
  handler(this: void, request: WriteRequest<unknown, unknown, unknown>): Promise<Reply>;
}

/** Declares a route; the types of `params`, `query` and `body` are inferred from its schemas. A `get` route reads; the
 *  other methods write with `commit`, and are idempotent by Idempotency-Key. */
export function defineRoute<
  const Path extends string,
  P extends z.ZodType = z.ZodType<PathParams<Path>>,
  Q extends z.ZodType = z.ZodType<Record<never, never>>,
>(definition: ReadRouteDefinition<Path, P, Q>): Route;
export function defineRoute<
  const Path extends string,
  P extends z.ZodType = z.ZodType<PathParams<Path>>,
  Q extends z.ZodType = z.ZodType<Record<never, never>>,
  B extends z.ZodType = z.ZodType<undefined>,
>(definition: WriteRouteDefinition<Path, P, Q, B>): Route;
export function defineRoute(definition: AnyDefinition): Route {
  const { method, path, params = textParams(path), operationId = operationIdOf(method, path) } = definition;
  const { query = z.object({}), responses = {}, problems = [], reads = [] } = definition;
  const { versioned = false, ifMatch = false } = definition;
  const reportsLagOf = method === 'get' ? reads.filter(isProjection).map(({ name }) => name) : [];
  const headers = { ...(reportsLagOf.length > 0 && projectionLagHeaders), ...definition.headers };
  const declared = { params, query, responses, headers, problems, versioned, ifMatch, reads };
  return { ...definition, ...declared, operationId, reportsLagOf };
}

function textParams(path: string): z.ZodType {
  const names = [...path.matchAll(/:([A-Za-z0-9_]+)/g)].map(([, name = '']) => name);
  return z.object(Object.fromEntries(names.map((name) => [name, textLine(200)])));
}

function operationIdOf(method: Method, path: string): string {
  const words = path.replaceAll(':', 'by-').match(/[A-Za-z0-9]+/g) ?? [];
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
