import { PermanentError } from 'flotilla';

export interface JsonRequest {
  method: 'POST' | 'DELETE';
  url: string;
  body?: unknown;
  /** Sent as Idempotency-Key. */
  key?: string;
  signal: AbortSignal;
  /** Refusals, of the 4xx, that the caller understands and wants to see. */
  refusals?: readonly number[];
}

export interface JsonAnswer {
  status: number;
  body: unknown;
}

/** An answer that says nothing about the request itself: the service is not well, or has too much to do. */
class HttpError extends Error {
  override readonly name = 'HttpError';

  constructor(
    readonly status: number,
    url: string,
  ) {
    super(`${url} answered ${status}`);
  }
}

/** The longest wait for one answer, in milliseconds: below the time a handler has, so that what times out is known. */
const TIMEOUT = 10_000;

/** Asks another service. Resolves with an answer of 2xx or one of `refusals`; rejects with a `PermanentError` where
 *  the service says by another 4xx that the request is wrong, and with what can be tried again otherwise. */
export async function requestJson({ method, url, body, key, signal, refusals = [] }: JsonRequest): Promise<JsonAnswer> {
  const { address, authorization } = splitLogin(url);
  const response = await fetch(address, {
    method,
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { 'idempotency-key': key }),
      ...(authorization !== undefined && { authorization }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const { status } = response;
  const text = await response.text();
  if (response.ok || refusals.includes(status)) return { status, body: parse(text) };
  if (status >= 500 || status === 408 || status === 429) throw new HttpError(status, address);
  throw new PermanentError('http.refused', `${address} answered ${status}: ${text.slice(0, 200)}`);
}

/** fetch takes no login in an address, and no message should show one. */
function splitLogin(url: string): { address: string; authorization?: string } {
  const parsed = new URL(url);
  const { username, password } = parsed;
  if (username === '' && password === '') return { address: url };
  parsed.username = '';
  parsed.password = '';
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { address: parsed.href, authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`The answer is not JSON: ${text.slice(0, 100)}`, { cause });
  }
}
