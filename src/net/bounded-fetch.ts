import type { IncomingMessage } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { FlotillaError } from '../errors.js';
import { http } from './node-http.js';

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

/** Milliseconds after which an unused connection is closed: before the server does, usually after 5 s, so that no
 *  request is sent on a connection that the server is closing. */
const IDLE_CONNECTION_MS = 4000;

const POOL = { keepAlive: true, timeout: IDLE_CONNECTION_MS };
const agent = new http.Agent(POOL);
let tlsAgent: HttpsAgent | undefined;

/**
 * Performs one HTTP exchange, bounded in time and memory, with the server of `url` only: redirects are not followed, so
 * that no other server receives the headers or the body. Does not request compression, and rejects a compressed
 * response unread, because its size is unknown. Rejects with a `TimeoutError`, the reason of `signal`, the error of the
 * system, or `http.bad_answer`.
 */
export async function boundedFetch(url: string | URL, request: BoundedRequest): Promise<BoundedAnswer> {
  const { method = 'GET', timeout, maxBytes, signal } = request;
  const limit = new AbortController();
  const late = () => limit.abort(new DOMException(`no answer within ${timeout} ms`, 'TimeoutError'));
  // the timer of `AbortSignal.timeout` would wake the process after the end of the exchange
  const timer = setTimeout(late, timeout).unref();
  const either = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
  const address = new URL(url);
  try {
    either.throwIfAborted();
    const response = await send(address, request, either);
    const text = await readText(response, maxBytes, `${method} ${address.origin}${address.pathname}`);
    const mediaType = (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
    return { status: response.statusCode ?? 0, mediaType, text };
  } catch (error) {
    // the error of a request that was aborted does not contain the reason
    either.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves with the head of the response. */
function send(url: URL, request: BoundedRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const { method = 'GET', headers = {}, body } = request;
  const transport = transportOf(url);
  return new Promise((resolve, reject) => {
    const sent = transport.request(url, {
      agent: transport.agent,
      method,
      signal,
      headers: {
        ...headers,
        'accept-encoding': 'identity',
        // Node.js does not add it to a DELETE
        ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
      },
    });
    sent.once('response', resolve);
    // a name with several addresses fails with an error for each, and with no message
    sent.on('error', (error) => reject(error instanceof AggregateError ? (error.errors[0] as Error) : error));
    sent.end(body);
  });
}

/** TLS is loaded for its first use only. */
function transportOf({ protocol }: URL) {
  if (protocol !== 'https:') return { request: http.request, agent };
  const https = process.getBuiltinModule('node:https');
  return { request: https.request, agent: (tlsAgent ??= new https.Agent(POOL)) };
}

async function readText(response: IncomingMessage, maxBytes: number, what: string): Promise<string> {
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding !== '' && encoding !== 'identity') {
    response.destroy();
    throw new FlotillaError('http.bad_answer', `${what}: it is compressed`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  // leaving the loop closes the connection
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new FlotillaError('http.bad_answer', `${what}: it is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
