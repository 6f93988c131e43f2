import { createHash } from 'node:crypto';
import type { SandboxDatabase } from '../database.js';
import { Problem } from './problem.js';

export interface Answer {
  status: number;
  body: object;
}

/** Stored instead of a hash: the key was closed before a request used it. */
const ANY_BODY = '';

interface RequestRow {
  hash: string;
  attempts: number;
  status: number | null;
  body: string | null;
}

/** Makes requests idempotent by key, including over restarts. `decide` runs in the transaction that also stores its
 *  answer, so that its writes and the key are committed together. It receives the number of earlier attempts. A 2xx
 *  answer is stored permanently and repeated; a Problem is only counted, and the next attempt decides again. The same
 *  key with another body results in 409. */
export function createIdempotentRequests(db: SandboxDatabase) {
  const find = db.prepare<[string, string], RequestRow>(
    'SELECT hash, attempts, status, body FROM requests WHERE scope = ? AND key = ?',
  );
  const begin = db.prepare<[string, string, string]>(
    `INSERT INTO requests (scope, key, hash, attempts) VALUES (?, ?, ?, 1)
     ON CONFLICT (scope, key) DO UPDATE SET attempts = attempts + 1`,
  );
  const finish = db.prepare<[number, string, string, string]>(
    'UPDATE requests SET status = ?, body = ? WHERE scope = ? AND key = ?',
  );

  const attempt = db.transaction(
    (scope: string, key: string, input: object, decide: (earlier: number) => Answer | Problem): Answer | Problem => {
      const hash = createHash('sha256').update(JSON.stringify(input)).digest('hex');
      const known = find.get(scope, key);
      if (known !== undefined && known.hash !== hash && known.hash !== ANY_BODY) {
        throw new Problem(409, 'idempotency_key_reused', 'This Idempotency-Key was used with another body');
      }
      const answered = answerOf(known);
      if (answered !== undefined) return answered;
      begin.run(scope, key, hash);
      const outcome = decide(known?.attempts ?? 0);
      if (!(outcome instanceof Problem)) finish.run(outcome.status, JSON.stringify(outcome.body), scope, key);
      return outcome;
    },
  );

  const close = db.transaction((scope: string, key: string, otherwise: Answer): Answer => {
    const answered = answerOf(find.get(scope, key));
    if (answered !== undefined) return answered;
    begin.run(scope, key, ANY_BODY);
    finish.run(otherwise.status, JSON.stringify(otherwise.body), scope, key);
    return otherwise;
  });

  return {
    /** Returns the stored answer of the key. If it has none, `otherwise` becomes its permanent answer, for any body. */
    close: (scope: string, key: string, otherwise: Answer): Answer => close.immediate(scope, key, otherwise),

    /** `decide` returns a Problem instead of throwing it, so that the attempt is counted. Throws that Problem. */
    run(scope: string, key: string, input: object, decide: (earlier: number) => Answer | Problem): Answer {
      const outcome = attempt.immediate(scope, key, input, decide);
      if (outcome instanceof Problem) throw outcome;
      return outcome;
    },
  };
}

export type IdempotentRequests = ReturnType<typeof createIdempotentRequests>;

/** The permanent answer of a key; undefined if it has none. */
function answerOf(row: RequestRow | undefined): Answer | undefined {
  if (row === undefined || row.status === null || row.body === null) return undefined;
  return { status: row.status, body: JSON.parse(row.body) as object };
}
