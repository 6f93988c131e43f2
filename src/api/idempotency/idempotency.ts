import { hasCode } from '../../errors.js';
import type { Migration, Sql, Store, Tx } from '../../store/store.js';
import { etagOf } from '../conditional-requests/etag.js';
import { problem } from '../problems/problems.js';
import type { Reply } from '../route.js';

export const idempotencyMigrations: readonly Migration[] = [
  {
    name: 'idempotency',
    sql: `
      CREATE TABLE api_idempotency (
        method TEXT NOT NULL, path TEXT NOT NULL, key TEXT NOT NULL, body_hash TEXT NOT NULL,
        status INTEGER NOT NULL, headers TEXT NOT NULL, body TEXT, created_at BIGINT NOT NULL,
        PRIMARY KEY (method, path, key)
      );
      CREATE INDEX api_idempotency_by_time ON api_idempotency (created_at);`,
  },
];

/** Two requests with the same identity are the same request. */
export interface RequestIdentity {
  method: string;
  path: string;
  key: string;
  /** SHA-256 of the body, hexadecimal. */
  bodyHash: string;
}

/** A reply with its serialized body. */
export interface SerializedReply {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string | undefined;
  /** Whether it is the stored reply of an earlier request. */
  replayed: boolean;
}

export type Commit = (work: (tx: Tx) => Promise<Reply>) => Promise<Reply>;

interface Row {
  body_hash: string;
  status: number;
  headers: string;
  body: string | null;
}

/** Rows deleted by one statement. */
const ROWS_PER_DELETE = 500;

/** How many times a transaction runs that was aborted because of another transaction of its group. */
const MAX_COMMIT_ATTEMPTS = 3;

/** Stores the replies to requests with an Idempotency-Key, each in the transaction of its request. */
export class Idempotency {
  /** The body hashes of the requests in progress, by method, path and key. */
  readonly #inProgress = new Map<string, string>();

  constructor(
    private readonly store: Store,
    private readonly clock: () => number,
  ) {}

  /** Returns the reply to one request. With an identity, a repeated request receives the stored reply, or
   *  `idempotency.in_progress` while this process is still handling the first one; the same key with another body is
   *  refused with `idempotency.key_reused`; the reply to a failed request is not stored. Several processes may handle
   *  the same request concurrently: one commits, and the others return its reply. */
  async answer(
    identity: RequestIdentity | undefined,
    handle: (commit: Commit) => Promise<Reply>,
  ): Promise<SerializedReply> {
    if (identity === undefined) return this.#handle(undefined, handle);
    const { method, path, key, bodyHash } = identity;
    const request = JSON.stringify([method, path, key]);
    const first = this.#inProgress.get(request);
    if (first !== undefined) {
      if (first !== bodyHash) throw problem('idempotency.key_reused');
      throw problem('idempotency.in_progress', { headers: { 'Retry-After': '1' } });
    }
    this.#inProgress.set(request, bodyHash);
    try {
      return (await find(this.store.query, identity)) ?? (await this.#handle(identity, handle));
    } finally {
      this.#inProgress.delete(request);
    }
  }

  /** Deletes replies from before `before`, in milliseconds since the epoch, and returns their number. Works in batches,
   *  so that other writers are not blocked. */
  async purge(before: number): Promise<number> {
    for (let purged = 0; ;) {
      const rows = await this.store.transaction(
        (tx) => tx.sql`
          DELETE FROM api_idempotency WHERE created_at < ${before} AND key IN (
            SELECT key FROM api_idempotency WHERE created_at < ${before} ORDER BY created_at LIMIT ${ROWS_PER_DELETE}
          ) RETURNING key`,
      );
      purged += rows.length;
      if (rows.length < ROWS_PER_DELETE) return purged;
    }
  }

  async #handle(
    identity: RequestIdentity | undefined,
    handle: (commit: Commit) => Promise<Reply>,
  ): Promise<SerializedReply> {
    let begun = false;
    let committed: SerializedReply | undefined;
    const reply = await handle(async (work) => {
      if (begun) throw new Error('A request commits once: put all of its writes into one transaction');
      begun = true;
      const { reply, serialized } = await this.#commit(identity, work);
      committed = serialized;
      return reply;
    });
    return committed ?? serialize(reply);
  }

  async #commit(identity: RequestIdentity | undefined, work: (tx: Tx) => Promise<Reply>) {
    for (let tries = 1; ; tries++) {
      try {
        return await this.store.transaction(async (tx) => {
          const earlier = identity === undefined ? undefined : await find(tx.sql, identity);
          if (earlier !== undefined) return { reply: parsed(earlier), serialized: earlier };
          const reply = await work(tx);
          const serialized = serialize(reply);
          if (identity !== undefined && reply.status < 400) await this.#remember(tx, identity, serialized);
          return { reply, serialized };
        });
      } catch (error) {
        if (tries >= MAX_COMMIT_ATTEMPTS || !hasCode(error, 'store.group_aborted')) throw error;
      }
    }
  }

  async #remember(tx: Tx, { method, path, key, bodyHash }: RequestIdentity, reply: SerializedReply): Promise<void> {
    const headers = JSON.stringify(reply.headers);
    await tx.sql`
      INSERT INTO api_idempotency (method, path, key, body_hash, status, headers, body, created_at)
      VALUES (${method}, ${path}, ${key}, ${bodyHash}, ${reply.status}, ${headers}, ${reply.body ?? null}, ${this.clock()})`;
  }
}

async function find(sql: Sql, { method, path, key, bodyHash }: RequestIdentity): Promise<SerializedReply | undefined> {
  const [row] = await sql<Row>`
    SELECT body_hash, status, headers, body FROM api_idempotency
    WHERE method = ${method} AND path = ${path} AND key = ${key}`;
  if (row === undefined) return undefined;
  if (row.body_hash !== bodyHash) throw problem('idempotency.key_reused');
  const headers = JSON.parse(row.headers) as Record<string, string>;
  return { status: row.status, headers, body: row.body ?? undefined, replayed: true };
}

function serialize({ status, body, headers = {}, version }: Reply): SerializedReply {
  return {
    status,
    headers: { ...headers, ...(version !== undefined && { ETag: etagOf(version) }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    replayed: false,
  };
}

function parsed({ status, headers, body }: SerializedReply): Reply {
  return { status, headers, ...(body !== undefined && { body: JSON.parse(body) as unknown }) };
}
