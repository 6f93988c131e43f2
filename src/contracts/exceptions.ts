import { z } from 'zod';
import type { Finding } from './finding.js';
import { readListFile } from './list-file.js';

/** The only place for exceptions from the gate, so that a review sees each of them. */
export const EXCEPTIONS_FILE = 'schemas/exceptions.json';

const exceptionsFile = z.array(
  z.strictObject({
    rule: z.string(),
    /** A message type, or an operation of the API: `POST /orders`, `POST /orders 201`. */
    type: z.string(),
    /** Only of a message type. */
    version: z.int().min(1).optional(),
    /** As in the finding. */
    pointer: z.string(),
    reason: z.string().min(1),
    /** The last day on which the exception applies. */
    until: z.iso.date(),
  }),
);

export type SchemaException = z.infer<typeof exceptionsFile>[number];

/** Reads the exceptions of a project; none without the file. Rejects with `contract.bad_schema_file`. */
export function readExceptions(root: string): Promise<SchemaException[]> {
  return readListFile(root, EXCEPTIONS_FILE, exceptionsFile);
}

/** Separates the findings that an exception permits today (an ISO date). `useless`: exceptions that have ended, or to
 *  which no finding corresponds. */
export function withoutExceptions(
  findings: readonly Finding[],
  exceptions: readonly SchemaException[],
  today: string,
): { findings: Finding[]; permitted: Finding[]; useless: SchemaException[] } {
  const permits = ({ rule, type, version, pointer, until }: SchemaException, finding: Finding) =>
    until >= today &&
    rule === finding.rule &&
    type === finding.type &&
    version === finding.version &&
    pointer === finding.pointer;
  const isPermitted = (finding: Finding) => exceptions.some((exception) => permits(exception, finding));
  return {
    findings: findings.filter((finding) => !isPermitted(finding)),
    permitted: findings.filter(isPermitted),
    useless: exceptions.filter((exception) => !findings.some((finding) => permits(exception, finding))),
  };
}
