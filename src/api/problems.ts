import { errors, FlotillaError, PermanentError, type ErrorCode } from '../errors.js';
import { ConflictError } from '../store/conflict-error.js';
import { etagOf } from './etag.js';

interface ProblemSpec {
  status: number;
  title: string;
}

/** The one registry of what the HTTP side has to say no to. Codes are stable. */
export const problems = {
  'request.malformed': { status: 400, title: 'The request cannot be read' },
  'request.malformed_json': { status: 400, title: 'The body is not JSON' },
  'request.invalid': { status: 400, title: 'The request is not valid; see `errors`' },
  'request.malformed_if_match': {
    status: 400,
    title: 'An If-Match is one version as the ETag had it, such as "3", or *',
  },
  'request.unauthorized': { status: 401, title: 'Send the token: Authorization: Bearer <token>' },
  'request.foreign': { status: 403, title: 'Without a token only this machine may ask, and no page of another site' },
  'request.no_route': { status: 404, title: 'No such route; see /openapi.json' },
  'request.method_not_allowed': { status: 405, title: 'The route does not know this method; see the header Allow' },
  'request.too_large': { status: 413, title: 'The body is too large' },
  'request.unsupported_media_type': { status: 415, title: 'Send the body as application/json, in UTF-8' },
  'request.timeout': {
    status: 503,
    title: 'It took too long; whether it was done is not known. Send it again with its key',
  },
  'idempotency.invalid_key': { status: 400, title: 'An Idempotency-Key is 1 to 255 visible ASCII characters' },
  'idempotency.key_reused': { status: 409, title: 'The Idempotency-Key belongs to another body; take a new one' },
  'relay.lagging': { status: 503, title: 'More is stored than can be handed over; send it again later' },
  internal: { status: 500, title: 'The service failed; the log has more under this correlation id' },
} as const satisfies Record<string, ProblemSpec>;

export type ProblemCode = keyof typeof problems;

/** Those of the fleet's own errors that are not a 500. */
const flotillaStatus: Partial<Record<ErrorCode, number>> = {
  'contract.invalid_data': 422,
  'contract.too_large': 413,
  'dead_letter.closed': 409,
  'dead_letter.not_found': 404,
  'dead_letter.refused': 409,
  'dead_letter.settled': 409,
  'store.busy': 503,
  'store.closed': 503,
  'store.conflict': 409,
  'store.damaged': 503,
  'store.full': 503,
  'store.moved': 503,
  'store.group_aborted': 503,
  'store.overloaded': 503,
};

/** The status of a refusal (PermanentError) whose code a route does not map by `refusals`. */
const REFUSED = 409;

/** One field that is wrong, and where. Never with the value, which may be personal. */
export interface FieldError {
  in: 'path' | 'query' | 'body';
  /** Dotted; empty for the whole. */
  path: string;
  message: string;
}

export interface ProblemDetails {
  detail?: string;
  errors?: readonly FieldError[];
  headers?: Readonly<Record<string, string>>;
  /** What the problem says besides the members that every problem has (RFC 9457 §3.2); these stay as they are. */
  members?: Readonly<Record<string, unknown>>;
}

/** Thrown by a route to answer with a problem of its own: dotted lower-case `code`, a `title` that is the same each
 *  time, a `detail` about this one. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly detail: string | undefined;
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    { detail, errors: fields, headers = {}, members = {}, ...options }: ProblemDetails & ErrorOptions = {},
  ) {
    super(detail === undefined ? title : `${title}: ${detail}`, options);
    this.detail = detail;
    this.errors = fields;
    this.headers = headers;
    this.members = members;
  }
}

/** A problem of the registry. */
export function problem(code: ProblemCode, details?: ProblemDetails & ErrorOptions): ProblemError {
  const { status, title } = problems[code];
  return new ProblemError(status, code, title, details);
}

/** `request.invalid`, for what only a route can find: with what is wrong, and where, never with the value. */
export function invalidRequest(errors: readonly FieldError[]): ProblemError {
  return problem('request.invalid', { errors });
}

/** The problem that an error is for the caller. Only what blames the request says its detail; everything else keeps it
 *  to the log. */
export function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof PermanentError) return refusal(REFUSED, error);
  if (error instanceof FlotillaError) {
    const status = flotillaStatus[error.code] ?? 500;
    if (status !== 500) {
      return new ProblemError(status, error.code, errors[error.code].message, {
        ...(status < 500 && { detail: error.message }),
        ...(error instanceof ConflictError && whereItIs(error)),
        cause: error,
      });
    }
  }
  return bodyProblem(error) ?? problem('internal', { cause: error });
}

/** The version that the aggregate is at, so that whoever lost can look again and go on from there. */
function whereItIs({ actual }: ConflictError): ProblemDetails {
  return {
    members: { currentVersion: actual },
    ...(actual > 0 && { headers: { ETag: etagOf(actual) } }),
  };
}

/** What a decider refused, under the status its route gives it. */
export function refusal(status: number, error: PermanentError): ProblemError {
  return new ProblemError(status, error.code, 'The request was refused', { detail: error.message, cause: error });
}

/** What express and its body parser throw: errors with a status of 4xx. */
function bodyProblem(error: unknown): ProblemError | undefined {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number') return undefined;
  const { status } = error;
  if (status < 400 || status > 499) return undefined;
  if (status === 413) return problem('request.too_large', { cause: error });
  if (status === 415) return problem('request.unsupported_media_type', { cause: error });
  const unparsable = 'type' in error && error.type === 'entity.parse.failed';
  return problem(unparsable ? 'request.malformed_json' : 'request.malformed', { cause: error });
}
