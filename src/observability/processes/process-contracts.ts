import { z } from 'zod';

const version = z.int().min(1);

/** What a process reads and writes: registered with the process, so that a version is not retired while it needs it. */
export const processContracts = z.object({
  program: z.object({
    /** The version of this library. */
    library: z.string(),
    /** Of the application, from FLOTILLA_COMMIT. */
    commit: z.string().optional(),
  }),
  /** The first and the latest version of each type in its catalogue; it writes the latest. */
  types: z.record(z.string(), z.tuple([version, version])),
  /** Its workers with their projections, windows and sagas, and the versions in which each of them receives the messages of a type. */
  readers: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['worker', 'projection', 'saga', 'windows']),
      reads: z.record(z.string(), z.array(version)),
    }),
  ),
});

export type ProcessContracts = z.infer<typeof processContracts>;
