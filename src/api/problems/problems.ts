import { errors, FlotillaError, isErrorCode, PermanentError, type ErrorCode } from '../../errors.js';
import { ConflictError } from '../../store/conflict-error.js';
import { etagOf } from '../conditional-requests/etag.js';

/** A problem type (RFC 9457 §3.1.1): every problem of this type has this code, status and title. */
export interface ProblemType {
  /** Stable, in dotted lower case. The `type` member is `urn:flotilla:problem:<code>`. */
  readonly code: string;
  /** 400 to 599. */
  readonly status: number;
  /** A short summary of the problem type. */
  readonly title: string;
  /** What the caller can do, in one sentence. */
  readonly remedy?: string;
}

/** The problem types of the HTTP server itself; docs/reference/http.md describes them. */
export const problems = {
  'request.malformed': {
    status: 400,
    title: 'The request cannot be read',
    remedy: 'Check the percent-encoding of the path and the encoding of the body.',
  },
  'request.malformed_json': { status: 400, title: 'The body is not valid JSON', remedy: 'Send valid JSON.' },
  'request.invalid': {
    status: 400,
    title: 'The request is not valid; see `errors`',
    remedy: 'Correct the fields in `errors`: each has its place (`in`), its `path` and a `message`, never its value.',
  },
  'request.malformed_if_match': {
    status: 400,
    title: 'If-Match must be * or a list of entity tags such as "3"',
    remedy: 'Send an `ETag` as it was received, quotes included.',
  },
  'request.unauthorized': {
    status: 401,
    title: 'A token is required: Authorization: Bearer <token>',
    remedy: 'Send the `API_TOKEN` of the fleet.',
  },
  'request.foreign': {
    status: 403,
    title: 'Without a token, only requests to a loopback name and from no other site are answered',
    remedy: 'Use a loopback name (`localhost`, `127.0.0.1`, `[::1]`), or set `API_TOKEN`.',
  },
  'request.no_route': {
    status: 404,
    title: 'No such route; see /openapi.json',
    remedy: 'Check the path; paths are case-sensitive.',
  },
  'request.method_not_allowed': {
    status: 405,
    title: 'The route does not support this method; see the Allow header',
    remedy: 'Use a method that `Allow` lists.',
  },
  'request.precondition_failed': {
    status: 412,
    title: 'The resource is not at a version that If-Match names',
    remedy:
      'Read the resource again and decide again. `currentVersion` and `ETag` have its version; 0: it does not exist.',
  },
  'request.too_large': {
    status: 413,
    title: 'The body is too large',
    remedy: 'Send at most 256 KiB, measured after decompression.',
  },
  'request.unsupported_media_type': {
    status: 415,
    title: 'The body must be application/json in UTF-8',
    remedy: 'Send `Content-Type: application/json`.',
  },
  'request.timeout': {
    status: 503,
    title: 'The request took too long and may have been done; retry it with the same Idempotency-Key',
    remedy: 'Retry with the same key after `Retry-After`: a completed request is not repeated.',
  },
  'idempotency.invalid_key': {
    status: 400,
    title: 'An Idempotency-Key is a string of 1 to 255 printable ASCII characters',
    remedy: 'Send one key, for example a UUID, with or without quotes (`"…"` with `\\"` and `\\\\` escaped).',
  },
  'idempotency.in_progress': {
    status: 409,
    title: 'A request with this Idempotency-Key is in progress; retry it later',
    remedy: 'Retry with the same key and body after `Retry-After`.',
  },
  'idempotency.key_reused': {
    status: 422,
    title: 'The Idempotency-Key was used with another body; use a new one',
    remedy: 'Use a key of its own for each request.',
  },
  'schema.not_found': {
    status: 404,
    title: 'No such message type or version',
    remedy: 'See `/schemas` for the types of the fleet and their versions.',
  },
  'relay.lagging': {
    status: 503,
    title: 'Too many events wait to be published; retry later',
    remedy: 'Retry after `Retry-After`. The broker is down or slow: see `/readyz` and `flotilla status`.',
  },
  'tables.missing': {
    status: 503,
    title: 'Tables that this route reads do not exist yet',
    remedy:
      'Retry after `Retry-After`. They are created when the worker or projection in `detail` starts, or by `runApi`.',
  },
  internal: {
    status: 500,
    title: 'The service failed; its log has the cause under this correlation id',
    remedy: 'Search the logs for the `correlationId`. The request had no effect.',
  },
} as const satisfies Record<string, Omit<ProblemType, 'code'>>;

export type ProblemCode = keyof typeof problems;

/** The status and the remedy of the library's errors; the status is 500 for all others. */
export const errorResponses: Partial<Record<ErrorCode, Pick<ProblemType, 'status' | 'remedy'>>> = {
  'contract.invalid_data': { status: 422, remedy: 'Correct the data as `detail` says.' },
  'contract.too_large': { status: 413, remedy: 'Send less: the event would be larger than the broker accepts.' },
  'dead_letter.closed': { status: 409, remedy: 'The aggregate of the command has ended; send no more commands to it.' },
  'dead_letter.not_found': { status: 404, remedy: 'Check the id.' },
  'dead_letter.refused': { status: 409, remedy: 'See `detail`.' },
  'dead_letter.settled': { status: 409, remedy: 'Nothing: it was replayed or discarded.' },
  'store.busy': { status: 503, remedy: 'Retry after `Retry-After`.' },
  'store.closed': { status: 503, remedy: 'Retry after `Retry-After`: the process is ending.' },
  'store.conflict': {
    status: 409,
    remedy: 'Read the resource again and decide again. `currentVersion` and `ETag` have its version.',
  },
  'store.damaged': { status: 503, remedy: 'An operator has to restore the store.' },
  'store.full': { status: 503, remedy: 'An operator has to free disk space.' },
  'store.moved': { status: 503, remedy: 'An operator has to put the file of the store back.' },
  'store.group_aborted': { status: 503, remedy: 'Retry after `Retry-After`; nothing was written.' },
  'store.overloaded': { status: 503, remedy: 'Retry after `Retry-After`.' },
};

/** The status of a refusal (`PermanentError`) whose code is not declared in the `problems` of its route. */
const REFUSED = 409;

/** An invalid field and its location. Never contains the value, which may be personal. */
export interface FieldError {
  in: 'path' | 'query' | 'body';
  /** Dotted; empty for the whole input. */
  path: string;
  message: string;
}

export interface ProblemDetails {
  detail?: string;
  errors?: readonly FieldError[];
  headers?: Readonly<Record<string, string>>;
  /** Additional members of the problem (RFC 9457 §3.2); they cannot replace the standard members. */
  members?: Readonly<Record<string, unknown>>;
}

/** Thrown by a route to respond with a problem of one of its problem types; `detail` explains this occurrence. */
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

/** Returns the problem type for a code of the HTTP server or of the library's errors. */
export function problemType(code: ProblemCode | ErrorCode): ProblemType {
  return isErrorCode(code)
    ? { code, status: 500, title: errors[code].message, ...errorResponses[code] }
    : { code, ...problems[code] };
}

/** A problem of the HTTP server. */
export function problem(code: ProblemCode, details?: ProblemDetails & ErrorOptions): ProblemError {
  return new ProblemError(problemType(code), details);
}

/** Creates the problem `request.invalid`, for errors that only the route can detect. It contains the location of each
 *  error, never the value. */
export function invalidRequest(errors: readonly FieldError[]): ProblemError {
  return problem('request.invalid', { errors });
}

/** Maps an error to the problem for the client. Only errors caused by the request include a detail; the others are
 *  detailed in the log only. */
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

/** The current version of the aggregate, with which the client can read it again and continue. */
function versionDetails({ actual }: ConflictError): ProblemDetails {
  return {
    members: { currentVersion: actual },
    ...(actual > 0 && { headers: { ETag: etagOf(actual) } }),
  };
}

/** The client sent If-Match, and the aggregate has another version. */
export function preconditionFailed(conflict: ConflictError): ProblemError {
  return problem('request.precondition_failed', { ...versionDetails(conflict), cause: conflict });
}

/** A refusal by a decider, as a problem of a type of its route. */
export function refusal(type: ProblemType, error: PermanentError): ProblemError {
  return new ProblemError(type, { detail: error.message, cause: error });
}

/** A title derived from the code: `account.not_allowed` becomes `Account not allowed`. */
function undeclared(code: string): ProblemType {
  const words = code.replace(/[._]/g, ' ');
  return { code, status: REFUSED, title: words.charAt(0).toUpperCase() + words.slice(1) };
}

/** Maps the errors of Express and its body parser, which have a 4xx status. */
function bodyProblem(error: unknown): ProblemError | undefined {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number') return undefined;
  const { status } = error;
  if (status < 400 || status > 499) return undefined;
  if (status === 413) return problem('request.too_large', { cause: error });
  if (status === 415) return problem('request.unsupported_media_type', { cause: error });
  const unparsable = 'type' in error && error.type === 'entity.parse.failed';
  return problem(unparsable ? 'request.malformed_json' : 'request.malformed', { cause: error });
}
