import { createHash } from 'node:crypto';
import type { SandboxDatabase } from '../database.js';
import { Problem } from './problem.js';

export interface Answer {
  status: number;
  body: object;
}

/** In place of a hash: the key was closed before anything came with it. */
const ANY_BODY = '';

interface RequestRow {
  hash: string;
  attempts: number;
  status: number | null;
  body: string | null;
}

/** Makes requests idempotent by their key, over restarts too. `decide` runs in the transaction that also remembers its
 *  answer, so that what it wrote and the key stand or fall together. It is told how often the key was tried before.
 *  An answer of 2xx is given again for ever; a Problem it throws is only counted, and the next try decides anew.
 *  A key that comes with another body is a 409. */
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
        throw new Problem(409, 'idempotency_key_reused', 'This Idempotency-Key came with another body before');
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
    /** Gives the answer that the key has had; where it has none yet, `otherwise` is its answer from now on, whatever body
     *  it comes with. */
    close: (scope: string, key: string, otherwise: Answer): Answer => close.immediate(scope, key, otherwise),

    /** `decide` gives back a Problem, rather than throwing it, for the attempt to be counted. Throws that Problem. */
    run(scope: string, key: string, input: object, decide: (earlier: number) => Answer | Problem): Answer {
      const outcome = attempt.immediate(scope, key, input, decide);
      if (outcome instanceof Problem) throw outcome;
      return outcome;
    },
  };
}

export type IdempotentRequests = ReturnType<typeof createIdempotentRequests>;

/** What the key was answered with for ever; undefined while it is not. */
function answerOf(row: RequestRow | undefined): Answer | undefined {
  if (row === undefined || row.status === null || row.body === null) return undefined;
  return { status: row.status, body: JSON.parse(row.body) as object };
}
