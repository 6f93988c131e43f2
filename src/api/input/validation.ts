import type { z } from 'zod';
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
    for (const { path, message } of result.error.issues.flatMap(ofAlternative)) {
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

type Issue = z.core.$ZodIssue;

/** The issues of a union are those of the alternative that is meant: the one with the right kind of value, and of several
 *  the one that is valid the furthest inside. */
function ofAlternative(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const alternatives = issue.errors.map((issues) => issues.flatMap(ofAlternative));
  const meant = alternatives.filter((issues) => !issues.some(isOtherKind)).sort((a, b) => depthOf(b) - depthOf(a))[0];
  if (meant !== undefined) return meant.map((each) => ({ ...each, path: [...issue.path, ...each.path] }));
  const messages = new Set(alternatives.flat().map(({ message }) => message));
  return [{ ...issue, message: [...messages].join('; or: ') }];
}

function isOtherKind({ code, path }: Issue): boolean {
  return code === 'invalid_type' && path.length === 0;
}

function depthOf(issues: readonly Issue[]): number {
  return Math.max(...issues.map(({ path }) => path.length));
}
