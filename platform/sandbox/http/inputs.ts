import type { Request } from 'express';
import { z } from 'zod';
import { Problem, parse } from './problem.js';

export const identifier = z.string().min(1).max(200);

/** Minor units. */
export const amount = z.int().positive().max(1_000_000_000_000);

/** Maximum size of a request body. */
export const BODY_LIMIT = '64kb';

const KEY = /^[\x21-\x7e]{1,255}$/;

/** Returns the idempotency key of the request; refuses a request without one. */
export function idempotencyKey(req: Request): string {
  const key = req.get('Idempotency-Key');
  if (key === undefined || !KEY.test(key)) {
    throw new Problem(400, 'idempotency_key_required', 'Send an Idempotency-Key of 1 to 255 printable characters');
  }
  return key;
}

/** A page of a list: at most `max` items after the cursor. */
export function page(req: Request, max: number) {
  return parse(
    z.object({
      limit: z.coerce.number().int().min(1).max(max).default(Math.min(max, 10_000)),
      cursor: z.coerce.number().int().min(0).default(0),
      orderId: identifier.optional(),
    }),
    req.query,
  );
}

/** A page of items with a position `seq`: returns them without it, and with the cursor of the next page. */
export function toList<Row extends { seq: number }>(rows: readonly Row[], limit: number) {
  const items = rows.slice(0, limit).map(({ seq: _seq, ...item }) => item);
  const nextCursor = rows.length > limit ? String(rows[limit - 1]?.seq) : undefined;
  return { items, ...(nextCursor !== undefined && { nextCursor }) };
}
