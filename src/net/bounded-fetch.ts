import { FlotillaError } from '../errors.js';

/** A request for `boundedFetch`. */
export interface BoundedRequest {
  /** @default 'GET' */
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** Milliseconds for the whole exchange, including the response body. */
  timeout: number;
  /** Maximum size of the response body, in bytes. */
  maxBytes: number;
  signal?: AbortSignal;
}

/** The response to a `boundedFetch`. */
export interface BoundedAnswer {
  /** The HTTP status; redirects (301, 302, 303, 307, 308) are returned like any other response. */
  status: number;
  /** Lower case, without parameters; empty if the response has no content type. */
  mediaType: string;
  text: string;
}

/**
 * Performs one HTTP exchange, bounded in time and memory, with the server of `url` only: redirects are not followed, so
 * that no other server receives the headers or the body. Does not request compression, and rejects a compressed
 * response unread, because its size is unknown. Rejects with a `TimeoutError`, the reason of `signal`, the error of the
 * system, or `http.bad_answer`.
 */
export async function boundedFetch(url: string | URL, request: BoundedRequest): Promise<BoundedAnswer> {
  const { method = 'GET', headers = {}, body, timeout, maxBytes, signal } = request;
  const limit = AbortSignal.timeout(timeout);
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    headers: { ...headers, 'accept-encoding': 'identity' },
    ...(body !== undefined && { body }),
  });
  const text = await readText(response, maxBytes, `${method} ${nameOf(url)}`);
  const mediaType = (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return { status: response.status, mediaType, text };
}

/** Returns the URL without login, query and fragment, which may contain secrets. */
function nameOf(url: string | URL): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

async function readText(response: Response, maxBytes: number, what: string): Promise<string> {
  const { body, headers } = response;
  if (body === null) return '';
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  if (encoding !== '' && encoding !== 'identity') {
    await body.cancel();
    throw new FlotillaError('http.bad_answer', `${what}: it is compressed`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // leaving the loop cancels the stream
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new FlotillaError('http.bad_answer', `${what}: it is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
