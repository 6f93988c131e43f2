import { boundedFetch } from 'flotilla/http';
import { z } from 'zod';

/** Milliseconds. */
const TIMEOUT_MS = 10_000;
const MAX_RESPONSE_BYTES = 1_000_000;

/** Reads and writes through the API of the shop. */
export class Customer {
  readonly #api: string;
  readonly #headers: Record<string, string>;

  constructor(api: string, token?: string) {
    this.#api = api;
    this.#headers = {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
  }

  /** Throws unless the answer is 2xx, with its status and code. */
  async request<Body>(method: 'GET' | 'POST', path: string, answer: z.ZodType<Body>, body?: unknown): Promise<Body> {
    const { status, text } = await boundedFetch(`${this.#api}${path}`, {
      method,
      headers: this.#headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      timeout: TIMEOUT_MS,
      maxBytes: MAX_RESPONSE_BYTES,
    });
    if (status >= 200 && status < 300) return answer.parse(JSON.parse(text));
    throw new Error(`${method} ${path}: ${status} ${codeOf(text)}`);
  }

  async register(): Promise<{ id: string }> {
    return this.request('POST', '/users', z.object({ id: z.string() }), { name: 'Ada', email: 'ada@example.org' });
  }

  async supply(sku: string, quantity: number): Promise<void> {
    await this.request('POST', `/inventory/${sku}/adjustments`, z.unknown(), { quantity, reason: 'simulation' });
  }
}

/** An order of one item. */
export function orderOf(userId: string, token: string) {
  return {
    userId,
    currency: 'USD',
    items: [{ sku: 'item_1', quantity: 1, unitPrice: 1999 }],
    payment: { token },
    shippingAddress: { name: 'Ada', line1: '1 Engine Street', city: 'London', postalCode: 'N1', country: 'GB' },
  };
}

function codeOf(text: string): string {
  try {
    return z.object({ code: z.string() }).parse(JSON.parse(text)).code;
  } catch {
    return 'without a code';
  }
}
