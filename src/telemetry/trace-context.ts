import { randomBytes } from 'node:crypto';

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/;

/** A traceparent in the same trace with a span of its own; undefined where there is no valid parent.
 *  Source: https://www.w3.org/TR/trace-context/#traceparent-header */
export function childTraceparent(parent: string | undefined): string | undefined {
  const [, trace, flags] = parent === undefined ? [] : (TRACEPARENT.exec(parent) ?? []);
  return trace === undefined || flags === undefined
    ? undefined
    : `00-${trace}-${randomBytes(8).toString('hex')}-${flags}`;
}

/** The traceparent of a new trace. Marked as sampled, so that whoever records traces by the decision of the parent records
 *  this one. */
export function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
