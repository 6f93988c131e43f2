import { someRandomBytes } from '../random.js';

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/;

/**
 * Returns a traceparent with a new span in the same trace; undefined without a valid parent.
 * Source: https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function childTraceparent(parent: string | undefined): string | undefined {
  const [, trace, flags] = parent === undefined ? [] : (TRACEPARENT.exec(parent) ?? []);
  return trace === undefined || flags === undefined
    ? undefined
    : `00-${trace}-${someRandomBytes(8).toString('hex')}-${flags}`;
}

/** Returns the traceparent of a new trace, marked as sampled, so that parent-based samplers record it. */
export function newTraceparent(): string {
  return `00-${someRandomBytes(16).toString('hex')}-${someRandomBytes(8).toString('hex')}-01`;
}
