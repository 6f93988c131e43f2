import type { z } from 'zod';
import type { Change } from '../../../src/contracts/change.js';
import { compareSchemas } from '../../../src/contracts/compare.js';
import { publishedSchema } from '../../../src/contracts/published-schema.js';
import type { SchemaNode } from '../../../src/contracts/shape.js';
import { upcast } from '../../../src/events/decode.js';
import { event } from '../../../src/events/definition.js';
import { dataschemaOf } from '../../../src/events/definitions.js';
import { FlotillaError } from '../../../src/errors.js';

/** The schema that is committed and compared. */
export function nodeOf(schema: z.ZodType): SchemaNode {
  const root = publishedSchema('a.b', 1, event({ 1: schema }));
  return { schema: root, root };
}

export function changesOf(before: z.ZodType, after: z.ZodType): Change[] {
  return compareSchemas(nodeOf(before), nodeOf(after));
}

/** Whether a worker with this schema reads the data. */
export function reads(schema: z.ZodType, data: unknown): boolean {
  const envelope = {
    specversion: '1.0' as const,
    id: '1',
    source: 's',
    type: 'a.b',
    subject: 'a/1',
    time: '2026-01-31T08:00:00Z',
    datacontenttype: 'application/json' as const,
    dataschema: dataschemaOf('a.b', 1),
    correlationid: '1',
    data,
  };
  try {
    upcast({ 'a.b': event({ 1: schema }) }, envelope);
    return true;
  } catch (error) {
    if (error instanceof FlotillaError && error.code === 'contract.invalid_data') return false;
    throw error;
  }
}
