import { errors, FlotillaError, isErrorCode, PermanentError, type ErrorCode } from '../../errors.js';
import { ConflictError } from '../../store/conflict-error.js';
import { etagOf } from '../conditional-requests/etag.js';

/** A problem type (RFC 9457 §3.1.1): every problem of it has this code, status and title. */
export interface ProblemType {
  /** Stable, dotted lower case. The `type` member is `urn:flotilla:problem:<code>`. */
  readonly code: string;
  /** 400 to 599. */
  readonly status: number;
  /** A short summary of the problem type. */
  readonly title: string;
}

/** The problem types of the HTTP server itself; docs/problems.md describes them. */
export const problems = {
  'request.malformed': { status: 400, title: 'The request cannot be read' },
  'request.malformed_json': { status: 400, title: 'The body is not valid JSON' },
  'request.invalid': { status: 400, title: 'The request is not valid; see `errors`' },
  'request.malformed_if_match': {
    status: 400,
    title: 'If-Match must be * or a list of entity tags such as "3"',
  },
  'request.unauthorized': { status: 401, title: 'A token is required: Authorization: Bearer <token>' },
  'request.foreign': {
    status: 403,
    title: 'Without a token, only requests to a loopback name and from no other site are answered',
  },
  'request.no_route': { status: 404, title: 'No such route; see /openapi.json' },
  'request.method_not_allowed': { status: 405, title: 'The route does not support this method; see the Allow header' },
  'request.precondition_failed': { status: 412, title: 'The resource is not at a version that If-Match names' },
  'request.too_large': { status: 413, title: 'The body is too large' },
  'request.unsupported_media_type': { status: 415, title: 'The body must be application/json in UTF-8' },
  'request.timeout': {
    status: 503,
    title: 'The request took too long and may have been done; retry it with the same Idempotency-Key',
  },
  'idempotency.invalid_key': {
    status: 400,
    title: 'An Idempotency-Key is a string of 1 to 255 printable ASCII characters',
  },
  'idempotency.in_progress': {
    status: 409,
    title: 'A request with this Idempotency-Key is in progress; retry it later',
  },
  'idempotency.key_reused': {
    status: 422,
    title: 'The Idempotency-Key was used with another body; use a new one',
  },
  'relay.lagging': { status: 503, title: 'Too many events wait to be published; retry later' },
  internal: { status: 500, title: 'The service failed; its log has the cause under this correlation id' },
} as const satisfies Record<string, Omit<ProblemType, 'code'>>;

export type ProblemCode = keyof typeof problems;

/** The status of the library's errors that are not a 500. */
export const errorStatus: Partial<Record<ErrorCode, number>> = {
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

/** The status of a refusal (`PermanentError`) whose code is not among the `problems` of its route. */
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

/** Thrown by a route to answer with a problem of one of its problem types; `detail` explains this occurrence. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    { code, status, title }: ProblemType,
    { detail, errors: fields, headers = {}, members = {}, ...options }: ProblemDetails & ErrorOptions = {},
  ) {
    super(detail === undefined ? title : `${title}: ${detail}`, options);
    this.code = code;
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.errors = fields;
    this.headers = headers;
    this.members = members;
  }
}

/** The problem type of a code of the HTTP server or of the library's errors. */
export function problemType(code: ProblemCode | ErrorCode): ProblemType {
  return isErrorCode(code)
    ? { code, status: errorStatus[code] ?? 500, title: errors[code].message }
    : { code, ...problems[code] };
}

/** A problem of the HTTP server. */
export function problem(code: ProblemCode, details?: ProblemDetails & ErrorOptions): ProblemError {
  return new ProblemError(problemType(code), details);
}

/** `request.invalid`, for what only a route can find: with what is wrong, and where, never with the value. */
export function invalidRequest(errors: readonly FieldError[]): ProblemError {
  return problem('request.invalid', { errors });
}

/** The problem that an error is for the caller. Only what blames the request says its detail; everything else keeps it
 *  to the log. */
export function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof PermanentError) return refusal(undeclared(error.code), error);
  if (error instanceof FlotillaError) {
    const type = problemType(error.code);
    if (type.status !== 500) {
      return new ProblemError(type, {
        ...(type.status < 500 && { detail: error.message }),
        ...(error instanceof ConflictError && versionDetails(error)),
        cause: error,
      });
    }
  }
  return bodyProblem(error) ?? problem('internal', { cause: error });
}

/** The version that the aggregate is at, with which the caller can read it again and continue. */
function versionDetails({ actual }: ConflictError): ProblemDetails {
  return {
    members: { currentVersion: actual },
    ...(actual > 0 && { headers: { ETag: etagOf(actual) } }),
  };
}

/** The caller named versions by If-Match, and the aggregate is at another. */
export function preconditionFailed(conflict: ConflictError): ProblemError {
  return problem('request.precondition_failed', { ...versionDetails(conflict), cause: conflict });
}

/** What a decider refused, as a problem of a type of its route. */
export function refusal(type: ProblemType, error: PermanentError): ProblemError {
  return new ProblemError(type, { detail: error.message, cause: error });
}

/** `account.not_allowed` has the title `Account not allowed`. */
function undeclared(code: string): ProblemType {
  const words = code.replace(/[._]/g, ' ');
  return { code, status: REFUSED, title: words.charAt(0).toUpperCase() + words.slice(1) };
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
