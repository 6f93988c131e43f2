import { z } from 'zod';
import type { EventContext } from '../events/envelope.js';
import { textLine } from '../events/text-line.js';
import type { Store, Tx } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';

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
  /** The version in If-Match, for `handleCommand`; undefined where the caller did not ask for one, or the route does not
   *  take it. */
  expectedVersion: number | undefined;
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

interface RouteDescription<Path extends string, P extends z.ZodType, Q extends z.ZodType> {
  /** As Express has it: `/orders/:id`. */
  path: Path;
  /** @default texts of at most 200 characters */
  params?: P;
  /** Of texts: coerce numbers. @default nothing */
  query?: Q;
  /** For the documentation. */
  summary?: string;
  /** Its answers have a `version`. For the documentation. @default false */
  versioned?: boolean;
  /** The bodies answered, by status; for the documentation, not checked. */
  responses?: Readonly<Record<number, z.ZodType>>;
  /** The status of each refusal (a PermanentError) by its code. @default 409 */
  refusals?: Readonly<Record<string, number>>;
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
  readonly summary?: string;
  readonly versioned: boolean;
  readonly ifMatch: boolean;
  readonly responses: Readonly<Record<number, z.ZodType>>;
  readonly refusals: Readonly<Record<string, number>>;
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
  const { params, query = z.object({}), responses = {}, refusals = {}, ...rest } = definition;
  const { versioned = false, ifMatch = false } = definition;
  return { ...rest, params: params ?? textParams(definition.path), query, responses, refusals, versioned, ifMatch };
}

function textParams(path: string): z.ZodType {
  const names = [...path.matchAll(/:([A-Za-z0-9_]+)/g)].map(([, name = '']) => name);
  return z.object(Object.fromEntries(names.map((name) => [name, textLine(200)])));
}
