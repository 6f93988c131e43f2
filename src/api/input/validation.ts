import type { z } from 'zod';
import { issuesOf } from '../../events/issues.js';
import { problem, type FieldError } from '../problems/problems.js';

const MAX_ERRORS = 20;
const MAX_TEXT_LENGTH = 200;

/** The inputs of a request, by location. */
export interface Inputs {
  params: unknown;
  query: unknown;
  body: unknown;
}

export interface InputSchemas {
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body?: z.ZodType;
}

/** Returns the inputs parsed by their schemas. Throws `request.invalid` with up to 20 invalid fields, without their
 *  values. */
export function validate(schemas: InputSchemas, inputs: Inputs): Inputs {
  const errors: FieldError[] = [];
  const check = (place: FieldError['in'], schema: z.ZodType, value: unknown): unknown => {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const { path, message } of issuesOf(result.error)) {
      errors.push({
        in: place,
        path: path.map(String).join('.').slice(0, MAX_TEXT_LENGTH),
        message: message.slice(0, MAX_TEXT_LENGTH),
      });
    }
    return undefined;
  };
  const params = check('path', schemas.params, inputs.params);
  const query = check('query', schemas.query, inputs.query);
  const body = schemas.body === undefined ? undefined : check('body', schemas.body, inputs.body);
  if (errors.length > 0) throw problem('request.invalid', { errors: errors.slice(0, MAX_ERRORS) });
  return { params, query, body };
}
