import { FlotillaError } from '../errors.js';

export interface BoundedRequest {
  /** @default 'GET' */
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** Of the whole exchange, the body of the answer included, in milliseconds. */
  timeout: number;
  /** The largest body of an answer, in bytes. */
  maxBytes: number;
  signal?: AbortSignal;
}

export interface BoundedAnswer {
  /** A redirect is an answer like any other: 301, 302, 303, 307 or 308. */
  status: number;
  /** Lower case, without parameters; empty where the answer names none. */
  mediaType: string;
  text: string;
}

/** One HTTP exchange that is bounded in time and memory and reaches only the server of `url`: redirects are not followed,
 *  so that no other server receives the headers or the body. A compressed answer is refused unread, because its size is
 *  unknown, and none is asked for. Rejects with a `TimeoutError`, the reason of `signal`, the error of the system, or
 *  `http.bad_answer`. */
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

/** Without login, query and fragment, which may hold secrets. */
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
