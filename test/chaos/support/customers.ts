import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { patience } from '../../support/patience.js';
import type { Random } from './random.js';

/** The gateway rejects `tok_unheard_of` like any unknown token. */
export type Token = 'tok_ok' | 'tok_declined' | 'tok_flaky' | 'tok_down' | 'tok_timeout' | 'tok_unheard_of';

export interface PlacedOrder {
  id: string;
  token: Token;
  items: { sku: string; quantity: number; unitPrice: number }[];
  total: number;
  isDeliverable: boolean;
  cancelAccepted: boolean;
}

/** Optional properties of an order. */
export interface Wishes {
  /** The quantity of each SKU; by default one to three. */
  quantity?: number;
  /** The carrier does not deliver to 00000. */
  postalCode?: string;
}

/** A bank account and its expected totals. */
export interface OpenedAccount {
  id: string;
  balance: number;
  /** Includes an initial deposit. */
  transactions: number;
}

/** Everything that the API confirmed; all of it must hold at the end. */
export interface Promised {
  users: { id: string; email: string }[];
  orders: Map<string, PlacedOrder>;
  accounts: Map<string, OpenedAccount>;
  adjustments: { sku: string; quantity: number }[];
}

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

const RETRY = 50;
const LIMIT = 90_000;
const SKUS = ['item_1', 'item_2', 'item_3'] as const;
const DELIVERABLE = '12345';
/** The carrier does not deliver there. */
export const UNDELIVERABLE = '00000';

/** Customers who repeat each request under its key until it is answered. */
export class Customers {
  readonly promised: Promised = { users: [], orders: new Map(), accounts: new Map(), adjustments: [] };

  constructor(
    private readonly apiUrl: string,
    private readonly random: Random,
  ) {}

  /** Sends a single request, with any outcome. */
  async request(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${this.apiUrl}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', Connection: 'close', ...headers },
      signal: AbortSignal.timeout(20_000 * patience()),
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }

  /** Repeats a request under one key until it succeeds. Rejects on a permanent refusal. */
  async insist(method: string, path: string, body: unknown, accept: readonly number[]): Promise<Answer> {
    const key = randomUUID();
    const end = Date.now() + LIMIT * patience();
    for (;;) {
      let last: string;
      try {
        const answer = await this.request(method, path, body, { 'Idempotency-Key': key });
        const isInProgress = answer.body.code === 'idempotency.in_progress';
        if (accept.includes(answer.status) && !isInProgress) return answer;
        last = `${answer.status} ${JSON.stringify(answer.body)}`;
        if (answer.status < 500 && !isInProgress) throw new Refused(`${method} ${path}: ${last}`);
      } catch (error) {
        if (error instanceof Refused || Date.now() > end) throw error;
        last = String(error);
      }
      if (Date.now() > end) throw new Error(`${method} ${path} was not answered in time: ${last}`);
      await sleep(RETRY);
    }
  }

  async register(): Promise<string> {
    const email = `customer-${this.promised.users.length}-${this.random.between(0, 1e9)}@example.org`;
    const { body } = await this.insist('POST', '/users', { name: 'Ada Customer', email }, [201]);
    const id = String(body.id);
    this.promised.users.push({ id, email });
    return id;
  }

  async adjust(sku: string, quantity: number): Promise<void> {
    await this.insist('POST', `/inventory/${sku}/adjustments`, { quantity, reason: 'delivery' }, [202]);
    this.promised.adjustments.push({ sku, quantity });
  }

  async openAccount(initialDeposit = this.random.between(1, 10_000)): Promise<OpenedAccount> {
    const { body } = await this.insist('POST', '/accounts', { owner: 'Ada', currency: 'USD', initialDeposit }, [201]);
    const account = { id: String(body.id), balance: initialDeposit, transactions: 1 };
    this.promised.accounts.set(account.id, account);
    return account;
  }

  /** Deposits or withdraws money; an overdraft is refused. */
  async moveMoney(account: OpenedAccount): Promise<void> {
    const amount = this.random.between(1, 5_000);
    const isDeposit = this.random.chance(0.5);
    const path = `/accounts/${account.id}/${isDeposit ? 'deposits' : 'withdrawals'}`;
    const { status, body } = await this.insist('POST', path, { amount }, isDeposit ? [200] : [200, 409]);
    if (status === 409) {
      if (body.code !== 'account.insufficient_funds') throw new Error(`${path}: ${String(body.code)}`);
      return;
    }
    account.balance += isDeposit ? amount : -amount;
    account.transactions += 1;
  }

  /** Places an order of one or two SKUs. */
  async order(
    token: Token = 'tok_ok',
    skus: readonly string[] = this.#someSkus(),
    { quantity, postalCode = DELIVERABLE }: Wishes = {},
  ): Promise<PlacedOrder> {
    const { users } = this.promised;
    const userId = users[this.random.between(0, users.length - 1)]?.id ?? (await this.register());
    const items = this.#some(skus, quantity);
    const { body } = await this.insist('POST', '/orders', orderBody(userId, items, token, postalCode), [201]);
    return this.#keep(String(body.id), token, items, postalCode !== UNDELIVERABLE);
  }

  /** Sends an order once; a refused order must have no effect. */
  async orderOnce(token: Token, skus: readonly string[]): Promise<Answer> {
    const items = this.#some(skus);
    const answer = await this.request('POST', '/orders', orderBody(this.promised.users[0]?.id ?? '', items, token));
    if (answer.status === 201) this.#keep(String(answer.body.id), token, items);
    return answer;
  }

  /** Requests a cancellation, which is refused for an order that has ended. */
  async cancel(order: PlacedOrder): Promise<void> {
    const { status } = await this.insist('POST', `/orders/${order.id}/cancel`, {}, [200, 409]);
    if (status === 200) order.cancelAccepted = true;
  }

  async statusOf(id: string): Promise<string> {
    return String((await this.request('GET', `/orders/${id}`)).body.status);
  }

  #keep(id: string, token: Token, items: PlacedOrder['items'], isDeliverable = true): PlacedOrder {
    const total = items.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0);
    const placed = { id, token, items, total, isDeliverable, cancelAccepted: false };
    this.promised.orders.set(id, placed);
    return placed;
  }

  #some(skus: readonly string[], quantity?: number): PlacedOrder['items'] {
    return skus.map((sku) => ({
      sku,
      quantity: quantity ?? this.random.between(1, 3),
      unitPrice: this.random.between(100, 5000),
    }));
  }

  #someSkus(): string[] {
    const first = this.random.pick(SKUS);
    const second = this.random.pick(SKUS);
    return this.random.chance(0.5) || first === second ? [first] : [first, second];
  }
}

class Refused extends Error {
  override readonly name = 'Refused';
}

export function orderBody(userId: string, items: PlacedOrder['items'], token: string, postalCode = DELIVERABLE) {
  return {
    userId,
    currency: 'USD',
    items,
    payment: { token },
    shippingAddress: { name: 'Ada', line1: 'Quay 1', city: 'Port', postalCode, country: 'US' },
  };
}
