import { createHash } from 'node:crypto';
import { z } from 'zod';

/** The format version of a cursor; cursors of other versions are refused. */
const FORM = 1;
const MAX_LENGTH = 1024;
const REFUSED = 'no cursor of this list';

/** The zod type of a cursor: text for clients, a position in a list for the route. */
export type Cursor<Position extends z.ZodType> = z.ZodCodec<z.ZodString, Position>;

/** Returns the type of the cursors of one list: `query: z.object({ cursor: cursor('orders', position).optional() })`. A
 *  cursor is opaque to clients and not trusted: a modified cursor, one of another list or format, or one whose position
 *  does not match its schema is refused (400 `request.invalid`) and never treated as the first page. A cursor is not
 *  secret: a client can decode it and forge one for any position, so a position must contain no confidential data, and
 *  every position must be safe to request. */
export function cursor<const Position extends z.ZodType>(list: string, position: Position): Cursor<Position> {
  const text = z
    .string()
    .max(MAX_LENGTH, { abort: true })
    .regex(/^[\w-]+$/, REFUSED);
  return z.codec(text, position, {
    decode: (sent, context) => {
      const inner = read(list, sent);
      if (inner !== undefined) return inner.at as z.input<Position>; // checked by the schema next
      context.issues.push({ code: 'custom', message: REFUSED, input: sent });
      return z.NEVER;
    },
    encode: (at) => write(list, at),
  });
}

/** Returns the cursor of a position, for `nextCursor`. Throws if the position does not match its schema. */
export function cursorOf<Position extends z.ZodType>(type: Cursor<Position>, position: z.output<Position>): string {
  return z.encode(type, position);
}

const written = z.object({ form: z.literal(FORM), at: z.unknown() });

function write(list: string, at: unknown): string {
  const sum = createHash('sha256')
    .update(JSON.stringify([list, at]))
    .digest('base64url')
    .slice(0, 8);
  return Buffer.from(JSON.stringify({ form: FORM, at, sum })).toString('base64url');
}

/** Decodes a cursor. Encoding the result must yield the same text, because base64url and JSON have several encodings of
 *  one value. */
function read(list: string, sent: string): { at: unknown } | undefined {
  try {
    const inner = written.safeParse(JSON.parse(Buffer.from(sent, 'base64url').toString()));
    return inner.success && write(list, inner.data.at) === sent ? inner.data : undefined;
  } catch {
    return undefined; // not JSON: refused like every invalid cursor
  }
}
