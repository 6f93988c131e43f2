import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** The issues of a value that its schema refuses. Those of a union are the issues of the alternative that is meant: the one
 *  with the right kind of value, and of several the one that is valid the furthest inside. */
export function issuesOf({ issues }: z.core.$ZodError): Issue[] {
  return issues.flatMap(ofAlternative);
}

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
