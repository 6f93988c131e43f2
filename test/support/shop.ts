import { z } from 'zod';
import { baseCatalogue, catalogue, command, event } from 'flotilla';

/** A small catalogue for tests of the library. */
export const shop = catalogue(baseCatalogue, {
  'job.requested': command({ 1: z.strictObject({ n: z.int() }) }),
  'job.begun': event({ 1: z.strictObject({ n: z.int() }) }),
  'job.finished': event({ 1: z.strictObject({ n: z.int() }) }),
  'job.failed': event({ 1: z.strictObject({ n: z.int(), reason: z.string() }) }),
});

export const tallyMigrations = [
  { name: '1', sql: 'create table tally (n integer not null, attempt integer not null)' },
];
