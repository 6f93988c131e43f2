import { createHash } from 'node:crypto';
import { z } from 'zod';

/** The form of a cursor; one of another form is refused. */
const FORM = 1;
const MAX_LENGTH = 1024;
const REFUSED = 'no cursor of this list';

/** The zod type of a cursor: text outside, a position in a list inside. */
export type Cursor<Position extends z.ZodType> = z.ZodCodec<z.ZodString, Position>;

/**
 * The type of the cursors of one list: `query: z.object({ cursor: cursor('orders', position).optional() })`. Opaque to
 * whoever sends it, and not trusted here: what no `cursorOf` made, what was made for another list or in another form, a
 * single character changed, and a position that does not fit its schema are not valid (400 `request.invalid`), and never
 * the first page. It holds no secret: whoever takes it apart can make one for any position, so a position may give
 * nothing away, and each must be harmless to ask for.
 */
export function cursor<const Position extends z.ZodType>(list: string, position: Position): Cursor<Position> {
  const text = z
    .string()
    .max(MAX_LENGTH, { abort: true })
    .regex(/^[\w-]+$/, REFUSED);
  return z.codec(text, position, {
    decode: (sent, context) => {
      const inner = read(list, sent);
      if (inner !== undefined) return inner.at as z.input<Position>; // which the schema checks next
      context.issues.push({ code: 'custom', message: REFUSED, input: sent });
      return z.NEVER;
    },
    encode: (at) => write(list, at),
  });
}

/** The cursor of a position, for `nextCursor`. Throws where the position does not fit its schema. */
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

/** What is in it. Written again it must be the very same text: base64url and JSON have several texts for one thing. */
function read(list: string, sent: string): { at: unknown } | undefined {
  try {
    const inner = written.safeParse(JSON.parse(Buffer.from(sent, 'base64url').toString()));
    return inner.success && write(list, inner.data.at) === sent ? inner.data : undefined;
  } catch {
    return undefined; // not JSON: refused as everything else that is no cursor
  }
}
