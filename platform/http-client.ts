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
  /** What an answer of 2xx must be. */
  answer: z.ZodType<Body>;
  /** Other statuses of 4xx that the caller understands; their bodies are not checked. */
  refusals?: readonly number[];
}

/** `refused` has the status of an answer that is one of `refusals`; `code` is the stable code in its body, if any. */
export type JsonAnswer<Body> = { body: Body } | { refused: number; code: string | undefined };

/** The service cannot process requests now; the request itself may be right. */
class ServiceUnavailable extends UnavailableError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The longest exchange, in milliseconds: shorter than the time limit of a handler, so that the cause is known. */
const TIMEOUT_MS = 10_000;
/** The largest answer, in bytes. */
const MAX_ANSWER = 64 * 1024;

/** The code becomes the reason in an event: a word, and nothing that looks like a token or the number of a card. */
const problem = z.looseObject({
  code: z
    .string()
    .regex(/^[A-Za-z][\w.-]{0,63}$/)
    .refine((code) => redact(code) === code),
});

/** Sends a request to another service. Resolves with a checked answer of 2xx or with one of `refusals`. Rejects with a
 *  `PermanentError` where the service answers another 4xx, because the request is wrong; with an `UnavailableError` where
 *  it answers 5xx, 408, 429 or a redirect, which is never followed; and with a retryable error where the answer cannot be
 *  used. Errors name neither the query of the URL nor the content of an answer. */
export async function requestJson<Body>(request: JsonRequest<Body>): Promise<JsonAnswer<Body>> {
  const { method, url, body, key, signal, answer, refusals = [] } = request;
  const { address, authorization } = splitLogin(url);
  const what = `${method} ${address.origin}${address.pathname}`;
  const { status, mediaType, text } = await boundedFetch(address, {
    method,
    signal,
    timeout: TIMEOUT_MS,
    maxBytes: MAX_ANSWER,
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

/** The URL without its login, which `fetch` does not accept, and the header in its place. */
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

/** Undefined where the text is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
