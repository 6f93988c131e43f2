import { baseCatalogue, catalogue, event } from 'flotilla';
import { z } from 'zod';

/** Every event of this fleet. */
export const platform = catalogue(baseCatalogue, {
  'visitor.arrived': event({ 1: z.strictObject({ name: z.string().min(1) }) }),
  'visitor.greeted': event({ 1: z.strictObject({ greeting: z.string() }) }),
});

export const { defineWorker } = platform;
