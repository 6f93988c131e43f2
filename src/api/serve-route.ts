import type { Request, RequestHandler, Response } from 'express';
import { createHash } from 'node:crypto';
import { errorOf, FlotillaError, PermanentError } from '../errors.js';
import { originContext } from '../events/create.js';
import { packages } from '../packages.js';
import { lagHeadersOf } from '../projections/projection-lag.js';
import { ConflictError } from '../store/conflict-error.js';
import type { Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import type { UndeclaredEmits } from '../telemetry/undeclared-emits.js';
import { DeclaredTx } from './declared-tx.js';
import { readIdempotencyKey } from './idempotency/idempotency-key.js';
import type { Commit, Idempotency, RequestIdentity, SerializedReply } from './idempotency/idempotency.js';
import { missingTables } from './missing-tables.js';
import { expectedVersions } from './conditional-requests/preconditions.js';
import { preconditionFailed, problem, ProblemError, refusal } from './problems/problems.js';
import { requestContextOf } from './middleware/request-context.js';
import type { Reply, Route, WriteRequest } from './route.js';
import { sendReply } from './send-reply.js';
import { validate } from './input/validation.js';

export interface RouteServices {
  store: Store;
  idempotency: Idempotency;
  logger: Logger;
  clock: () => number;
  limits: ApiLimits;
  /** The types that a route without `emits` may append. @default any */
  emits?: readonly string[] | undefined;
  undeclaredEmits: UndeclaredEmits;
  /** Whether the relay has too many events to publish. */
  lagging: () => boolean;
}

export interface ApiLimits {
  /** Maximum size of a body in bytes, after decompression. */
  bodyBytes: number;
  /** Time limit of a route, in milliseconds. */
  requestTimeout: number;
}

const JSON_TYPES = ['application/json', 'application/*+json'];
const LAG_RETRY_AFTER = '5';
const MISSING_RETRY_AFTER = '5';

/** The handlers of a request to this route, in order. */
export function serveRoute(route: Route, services: RouteServices): RequestHandler[] {
  const run = { ...services, declared: commitDeclared(route, services) };
  const named: RequestHandler = (_req, res, next) => {
    requestContextOf(res).route = route.path;
    next();
  };
  const answered: RequestHandler = async (req, res) => {
    sendReply(req, res, await answer(route, run, req, res));
  };
  if (route.method === 'get') return [named, answered];
  const refuseWhileLagging: RequestHandler = (_req, _res, next) => {
    if (services.lagging()) throw problem('relay.lagging', { headers: { 'Retry-After': LAG_RETRY_AFTER } });
    next();
  };
  const body = route.body === undefined ? [] : readJson(services.limits.bodyBytes);
  return [named, refuseWhileLagging, ...body, answered];
}

function readJson(limit: number): RequestHandler[] {
  const requireJson: RequestHandler = (req, _res, next) => {
    // `false` means that the body has another type; null means that there is no body, which the schema validates
    if (req.headers['content-length'] !== '0' && req.is(JSON_TYPES) === false) {
      throw problem('request.unsupported_media_type');
    }
    next();
  };
  const parse = packages.express.json({
    limit,
    strict: false,
    type: JSON_TYPES,
    verify: (req, res, bytes) => {
      if (req.headers['idempotency-key'] === undefined) return;
      requestContextOf(res).bodyHash = createHash('sha256').update(bytes).digest('hex');
    },
  });
  return [requireJson, parse];
}

/** Runs the route. When the time limit is over, the client receives an error and the signal aborts; the handler may
 *  continue until it settles, and keeps its Idempotency-Key until then. */
async function answer(
  route: Route,
  { store, idempotency, logger, clock, limits, declared }: RouteServices & { declared: (commit: Commit) => Commit },
  req: Request,
  res: Response,
): Promise<SerializedReply> {
  const { correlationId, traceparent } = requestContextOf(res);
  const inputs = validate(route, { params: req.params, query: req.query, body: req.body as unknown });
  const expectedVersion = route.ifMatch ? expectedVersions(req.get('if-match')) : undefined;
  const identity = route.method === 'get' ? undefined : identityOf(route, req, res);
  const over = new AbortController();
  res.once('close', () => {
    // after a complete response nothing uses the signal, and an abort reason costs more than the validation
    if (!res.writableFinished) over.abort();
  });
  const request = (commit: Commit): WriteRequest<unknown, unknown, unknown> => ({
    ...inputs,
    store,
    correlationId,
    traceparent,
    idempotencyKey: identity?.key,
    expectedVersion,
    signal: over.signal,
    logger,
    origin: (subject) =>
      originContext({
        source: store.service,
        subject,
        now: clock(),
        correlationId,
        ...(traceparent !== undefined && { traceparent }),
      }),
    commit,
  });
  const work = idempotency.answer(identity, (commit) =>
    withProblems(route, store, expectedVersion !== undefined, async () => {
      await reportLag(route, store, res);
      return route.handler(request(declared(commit)));
    }),
  );
  return withTimeLimit(work, limits.requestTimeout, over);
}

/** Returns the `commit` of a route, in which only declared types can be appended. */
function commitDeclared(
  { method, path, emits }: Route,
  { emits: byDefault, undeclaredEmits }: Pick<RouteServices, 'emits' | 'undeclaredEmits'>,
): (commit: Commit) => Commit {
  const declared = emits ?? byDefault;
  if (declared === undefined) return (commit) => commit;
  const types = new Set(declared);
  const check = (type: string) => {
    if (types.has(type)) return;
    undeclaredEmits.count(type);
    throw new FlotillaError('contract.undeclared_emit', `${method.toUpperCase()} ${path} appends ${type}`);
  };
  return (commit) => (work) => commit((tx) => work(new DeclaredTx(tx, check)));
}

/** Runs before the handler reads: its reply may then be newer than reported, never older. Sets the headers on the
 *  response, so that problems also report the lag. */
async function reportLag({ reportsLagOf }: Route, store: Store, res: Response): Promise<void> {
  if (reportsLagOf.length === 0) return;
  const headers = await lagHeadersOf(store, reportsLagOf);
  if (!res.headersSent) res.set(headers);
}

/** Maps refusals and conflicts to the problems that the route declares for them, and the failure of a route whose tables
 *  do not exist yet to `tables.missing`. */
async function withProblems(
  route: Route,
  store: Store,
  isConditional: boolean,
  run: () => Promise<Reply>,
): Promise<Reply> {
  try {
    return await run();
  } catch (thrown) {
    const error = errorOf(thrown);
    if (isConditional && error instanceof ConflictError) throw preconditionFailed(error);
    const type = error instanceof PermanentError && route.problems.find(({ code }) => code === error.code);
    if (type) throw refusal(type, error);
    if (error instanceof ProblemError) throw error;
    const detail = await missingTables(store, route).catch(() => undefined);
    if (detail === undefined) throw error;
    throw problem('tables.missing', { detail, headers: { 'Retry-After': MISSING_RETRY_AFTER }, cause: error });
  }
}

/** The key belongs to the route and its parameters, because one URL has several spellings (`/accounts/%61`, a trailing
 *  slash). */
function identityOf(route: Route, req: Request, res: Response): RequestIdentity | undefined {
  const header = req.get('idempotency-key');
  if (header === undefined) return undefined;
  const key = readIdempotencyKey(header);
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(req.params[name])));
  return { method: req.method, path, key, bodyHash: requestContextOf(res).bodyHash ?? '' };
}

async function withTimeLimit<T>(work: Promise<T>, milliseconds: number, over: AbortController): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(problem('request.timeout'));
      over.abort();
    }, milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
