import type { ErrorRequestHandler, Response } from 'express';
import { z } from 'zod';

/** An error response of the sandbox: RFC 9457, with a stable `code`. */
export class Problem extends Error {
  override readonly name = 'Problem';

  readonly status: number;
  readonly code: string;
  readonly errors?: readonly { path: string; message: string }[];

  constructor(status: number, code: string, title: string, errors?: readonly { path: string; message: string }[]) {
    super(title);
    this.status = status;
    this.code = code;
    if (errors !== undefined) this.errors = errors;
  }
}

/** Returns the value parsed by its schema; throws a 400 that lists the invalid fields without their values. */
export function parse<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues
    .slice(0, 20)
    .map(({ path, message }) => ({ path: path.map(String).join('.'), message: message.slice(0, 200) }));
  throw new Problem(400, 'invalid_request', 'The request is not valid', errors);
}

export function sendProblem(res: Response, { status, code, message: title, errors }: Problem): void {
  if (status === 503) res.set('Retry-After', '1');
  res
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title, status, code, ...(errors !== undefined && { errors }) }));
}

const httpError = z.object({ status: z.number().int().min(400).max(499), type: z.string().optional() });

/** Converts every error of a route to a problem; an unexpected error is passed to `unexpected` for the log, and the
 *  client receives no details. */
export function problemHandler(unexpected: (error: unknown) => void): ErrorRequestHandler {
  return (error: unknown, _req, res, next) => {
    if (res.headersSent) {
      next(error);
      return;
    }
    const refused = httpError.safeParse(error);
    if (error instanceof Problem) sendProblem(res, error);
    else if (refused.success) {
      const { status, type = 'bad_request' } = refused.data;
      sendProblem(res, new Problem(status, type.replaceAll('.', '_'), 'The request cannot be read'));
    } else {
      unexpected(error);
      sendProblem(res, new Problem(500, 'internal', 'The sandbox failed'));
    }
  };
}
