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

/** What a route answers; a body goes out as JSON. */
export interface Reply {
  status: number;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  /** Of the one aggregate that is answered; goes out as its ETag. */
  version?: number;
}

/** The part of a store that changes nothing. */
export type StoreReader = Pick<
  Store,
  'service' | 'read' | 'readAll' | 'event' | 'snapshot' | 'head' | 'query' | 'checkpoint'
>;

/** What a route is given to answer a question. */
export interface ReadRequest<Params, Query> {
  params: Params;
  query: Query;
  store: StoreReader;
  /** The story this request belongs to: what the caller sent, or a new id. */
  correlationId: string;
  /** W3C Trace Context, where the caller sent it. */
  traceparent: string | undefined;
  /** Aborts when the caller has gone away or the time is over. */
  signal: AbortSignal;
  logger: Logger;
}

/** What a route is given to change something. */
export interface WriteRequest<Params, Query, Body> extends ReadRequest<Params, Query> {
  body: Body;
  idempotencyKey: string | undefined;
  /** The versions in If-Match, for `execute` or `checkVersion`; undefined without the header, or where the route
   *  does not support it. A `ConflictError` is then answered with 412, otherwise with 409. */
  expectedVersion: ExpectedVersions | undefined;
  /** The context of a new event about `subject`, as part of this request's story. */
  origin: (subject: string) => EventContext;
  /** Runs `work` in one transaction with the memory of the Idempotency-Key, and gives the reply, which is then what the
   *  request is answered with. When another process was quicker with this key, `work` does not run and its reply is
   *  given. A throw, or a reply of 4xx or 5xx, is not remembered; a throw also undoes what was written. Once for a
   *  request; `work` awaits nothing but `tx`, and may be run again. */
  commit: (work: (tx: Tx) => Promise<Reply>) => Promise<Reply>;
}

type ParamNames<Path extends string> = Path extends `${string}:${infer Rest}`
  ? Rest extends `${infer Name}/${infer Tail}`
    ? Name | ParamNames<Tail>
    : Rest
  : never;

/** The parameters that a path names, as text. */
export type PathParams<Path extends string> = { [Name in ParamNames<Path>]: string };

/** A header of the successful answers of a route; for the documentation. */
export interface HeaderSpec {
  readonly description: string;
  /** Of its text. */
  readonly schema: z.ZodType;
  /** @default false: in every successful answer */
  readonly optional?: boolean;
}

interface RouteDescription<Path extends string, P extends z.ZodType, Q extends z.ZodType> {
  /** As Express has it: `/orders/:id`. */
  path: Path;
  /** @default texts of at most 200 characters */
  params?: P;
  /** Of texts: coerce numbers. @default nothing */
  query?: Q;
  /** The name of the operation in the OpenAPI document and so of a method of generated clients, in camelCase: keep it.
   *  @default from method and path: `getNotesByIdTexts` */
  operationId?: string;
  /** One short line for the documentation. */
  summary?: string;
  /** CommonMark, for the documentation. */
  description?: string;
  /** The group of operations that it belongs to; see `ApiInfo.tags`. */
  tag?: string;
  /** Its answers have a `version`. For the documentation. @default false */
  versioned?: boolean;
  /** The bodies answered, by status; for the documentation, not checked. A schema with an id (`.meta({ id: 'Order' })`) is
   *  a component of the document. */
  responses?: Readonly<Record<number, z.ZodType>>;
  /** The projections and workers whose tables the handler queries; all have the store of the API. Of a worker these are the
   *  tables in its `migrations`; its projections are named by themselves. `runApi` creates the tables, and rejects with
   *  `fleet.invalid` where the API's store never has them.
   *
   *  The answers of a `get` that reads projections report how far these have processed the store, as of before the handler
   *  began: `Model-Position`, `Model-Lag` and `Model-Stopped`, as `projectionLag` does. Of several projections it is the
   *  oldest position and the greatest lag. @default none */
  reads?: readonly (Projection | Worker)[];
  /** Headers of successful answers besides ETag, Location, those of `reads` and those of every answer; for the documentation. */
  headers?: Readonly<Record<string, HeaderSpec>>;
  /** The problem types that the handler throws, by `ProblemError` or as the code of a refusal (`PermanentError`). A
   *  refusal with another code is a 409. */
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
  /** Without it a body is neither read nor asked for. */
  body?: B;
  /** Takes If-Match: see `expectedVersion`. @default false */
  ifMatch?: boolean;
  handler: (request: WriteRequest<z.output<P>, z.output<Q>, z.output<B>>) => Promise<Reply>;
}

/** A route of an API, whatever its inputs are. */
export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body?: z.ZodType;
  readonly operationId: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tag?: string;
  readonly versioned: boolean;
  readonly ifMatch: boolean;
  readonly reads: readonly (Projection | Worker)[];
  /** The projections whose lag its answers report. */
  readonly reportsLagOf: readonly string[];
  readonly responses: Readonly<Record<number, z.ZodType>>;
  readonly headers: Readonly<Record<string, HeaderSpec>>;
  readonly problems: readonly ProblemType[];
  // a method, so that routes of different inputs are all routes; what it gets has passed the schemas above
  handler(this: void, request: WriteRequest<unknown, unknown, unknown>): Promise<Reply>;
}

interface AnyDefinition extends RouteDescription<string, z.ZodType, z.ZodType> {
  method: Method;
  body?: z.ZodType;
  ifMatch?: boolean;
  handler(this: void, request: WriteRequest<unknown, unknown, unknown>): Promise<Reply>;
}

/** Declares a route; the types of `params`, `query` and `body` follow from its schemas. A `get` reads; the other methods
 *  change things, through `commit`, and are idempotent by Idempotency-Key. */
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
