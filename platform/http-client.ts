import { PermanentError, redact, UnavailableError } from 'flotilla';
import { boundedFetch } from 'flotilla/http';
import { z } from 'zod';

export interface JsonRequest<Body> {
  method: 'POST' | 'DELETE';
  url: string;
  body?: unknown;
  /** Sent as Idempotency-Key. */
  key?: string;
  signal: AbortSignal;
  /** The schema of a 2xx response. */
  answer: z.ZodType<Body>;
  /** Other 4xx statuses that the caller handles; their bodies are not validated. */
  refusals?: readonly number[];
}

/** `refused` is the status of a response that is one of `refusals`; `code` is the stable code in its body, if any. */
export type JsonAnswer<Body> = { body: Body } | { refused: number; code: string | undefined };

/** The service cannot process requests at present; the request itself may be correct. */
class ServiceUnavailable extends UnavailableError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Time limit of a request in milliseconds: shorter than the time limit of a handler, so that the error names the
 *  cause. */
const TIMEOUT_MS = 10_000;
/** Maximum size of a response, in bytes. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/** The code becomes the reason in an event: it must be a word that cannot be a token or a card number. */
const problem = z.looseObject({
  code: z
    .string()
    .regex(/^[A-Za-z][\w.-]{0,63}$/)
    .refine((code) => redact(code) === code),
});

/** Sends a request to another service. Resolves with a validated 2xx response or with one of `refusals`. Rejects with a
 *  `PermanentError` for another 4xx, because the request is wrong; with an `UnavailableError` for 5xx, 408, 429 or a
 *  redirect, which is never followed; and with a retryable error for an invalid response. Errors contain neither the
 *  query of the URL nor the content of a response. */
export async function requestJson<Body>(request: JsonRequest<Body>): Promise<JsonAnswer<Body>> {
  const { method, url, body, key, signal, answer, refusals = [] } = request;
  const { address, authorization } = splitLogin(url);
  const what = `${method} ${address.origin}${address.pathname}`;
  const { status, mediaType, text } = await boundedFetch(address, {
    method,
    signal,
    timeout: TIMEOUT_MS,
    maxBytes: MAX_RESPONSE_BYTES,
    headers: {
      accept: 'application/json, application/problem+json',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { 'idempotency-key': key }),
      ...(authorization !== undefined && { authorization }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const isJson = /^application\/(json|[\w.+-]+\+json)$/.test(mediaType);
  if (status >= 200 && status <= 299) {
    if (!isJson) throw new Error(`${what} answered ${status} without a JSON content type`);
    return { body: checked(answer, text, what) };
  }
  const code = isJson ? problem.safeParse(parse(text)).data?.code : undefined;
  if (refusals.includes(status)) return { refused: status, code };
  if (status >= 300 && status <= 399) {
    throw new ServiceUnavailable(status, `${what} answered ${status}; redirects are not followed`);
  }
  if (status >= 500 || status === 408 || status === 429) {
    throw new ServiceUnavailable(status, `${what} answered ${status}`);
  }
  throw new PermanentError('http.refused', `${what} answered ${status}${code === undefined ? '' : ` (${code})`}`);
}

/** Splits a URL into the URL without credentials and the header that replaces them. */
function splitLogin(url: string): { address: URL; authorization?: string } {
  const address = new URL(url);
  const { username, password } = address;
  if (username === '' && password === '') return { address };
  address.username = '';
  address.password = '';
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { address, authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}

function checked<Body>(schema: z.ZodType<Body>, text: string, what: string): Body {
  const result = schema.safeParse(parse(text));
  if (result.success) return result.data;
  const fields = result.error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.map(String).join('.')}: ${message}`);
  throw new Error(`${what} answered something else than expected: ${fields.join('; ')}`);
}

/** Undefined if the text is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
