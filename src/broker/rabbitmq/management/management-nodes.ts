import { backoffDelay } from '../../../concurrency/backoff.js';
import { sleep } from '../../../concurrency/sleep.js';
import { FlotillaError } from '../../../errors.js';
import { boundedFetch, type BoundedAnswer } from '../../../net/bounded-fetch.js';
import { addressesOf, credentialsOf, shuffled } from '../connection/addresses.js';
import { answerFailure, requestFailure, shapeFailure, type ManagementFailure } from './management-failure.js';

type Method = 'GET' | 'PUT' | 'DELETE';

/** A node that serves the management API. */
interface Peer {
  url: string;
  base: string;
  authorization: string;
}

/** Maximum size of a response, in bytes. The list of all queues is the largest, with about 1 KB per queue. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** How often a request for data is sent if every node answers with a server error. A deletion is not repeated: it may have
 *  succeeded, and the object may have been declared again. */
const SERVER_ERROR_ATTEMPTS = 4;
/** In milliseconds, between these attempts. */
const SERVER_ERROR_DELAY = { first: 250, most: 1000 };

/** The nodes that serve the management API. Each request goes to the node that answered last, and to the others if that
 *  one does not answer or fails (5xx). Requests reject with `broker.management`. */
export class ManagementNodes {
  readonly #peers: readonly Peer[];
  /** Index of the node that answered last. */
  #preferred = 0;

  /** `url`: of one node, or a comma-separated list. `timeout`: for a single request, in milliseconds. */
  constructor(
    url: string,
    private readonly timeout: number,
  ) {
    this.#peers = shuffled(addressesOf(url)).map(peerAt);
  }

  /** Requests data; returns the parsed response. */
  async get(path: string): Promise<unknown> {
    return this.#request('GET', path);
  }

  /** Deletes an object; succeeds if it does not exist. */
  async delete(path: string): Promise<void> {
    await this.#request('DELETE', path);
  }

  /** Creates or replaces an object. */
  async put(path: string, body: object): Promise<void> {
    await this.#request('PUT', path, body);
  }

  async #request(method: Method, path: string, body?: object): Promise<unknown> {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#requestOnce(method, path, body);
      if ('answer' in outcome) return outcome.answer;
      // RabbitMQ answers 500 to a list of queues while one of them is being declared
      const mayPass = outcome.isServerError === true && method === 'GET';
      if (!mayPass || attempt === SERVER_ERROR_ATTEMPTS)
        throw new FlotillaError('broker.management', `${method} ${nameOf(path)}: ${outcome.reason}`, {
          cause: outcome.cause,
        });
      await sleep(backoffDelay(attempt, SERVER_ERROR_DELAY));
    }
  }

  /** Sends the request to one node after the other. */
  async #requestOnce(
    method: Method,
    path: string,
    body?: object,
  ): Promise<{ answer: unknown } | Omit<ManagementFailure, 'tryNext'>> {
    const reasons: string[] = [];
    let last: ManagementFailure | undefined;
    for (let tried = 0; tried < this.#peers.length; tried += 1) {
      const index = (this.#preferred + tried) % this.#peers.length;
      const peer = this.#peers[index];
      if (peer === undefined) break;
      const outcome = await this.#requestFrom(peer, method, path, body);
      if ('answer' in outcome) {
        this.#preferred = index;
        return outcome;
      }
      reasons.push(outcome.reason);
      last = outcome;
      if (!outcome.tryNext) break;
    }
    return { ...last, reason: reasons.join('; ') };
  }

  async #requestFrom(
    { url: nodeUrl, base, authorization }: Peer,
    method: Method,
    path: string,
    body?: object,
  ): Promise<{ answer: unknown } | ManagementFailure> {
    let answer: BoundedAnswer;
    try {
      answer = await boundedFetch(`${base}${path}`, {
        method,
        headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        timeout: this.timeout,
        maxBytes: MAX_ANSWER_BYTES,
      });
    } catch (error) {
      return requestFailure(nodeUrl, error, this.timeout);
    }
    const { status, text } = answer;
    if (method === 'DELETE' && status === 404) return { answer: undefined };
    if (status < 200 || status > 299) return answerFailure(nodeUrl, status, text);
    if (method !== 'GET') return { answer: undefined };
    try {
      return { answer: JSON.parse(text) };
    } catch {
      return { reason: shapeFailure(nodeUrl), tryNext: false };
    }
  }
}

/** The path of a request without the query, which lists columns. */
export function nameOf(path: string): string {
  return path.split('?', 1)[0] ?? path;
}

function peerAt(url: string): Peer {
  const { origin, pathname } = new URL(url);
  const { user, password } = credentialsOf(url);
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return { url, base: `${origin}${pathname.replace(/\/$/, '')}/api`, authorization };
}
