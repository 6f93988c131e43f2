import { z } from 'zod';
import { boundedFetch } from '../../net/bounded-fetch.js';
import type { ProcessRecord } from './process-registry.js';

const partition = z.object({
  queue: z.string(),
  inFlight: z.number(),
  oldestAt: z.string().optional(),
  isStalled: z.boolean(),
  stalls: z.number(),
  messages: z.number(),
  subjects: z.array(z.object({ subject: z.string(), count: z.number() })),
});
const report = z.object({ workers: z.array(z.object({ worker: z.string(), partitions: z.array(partition) })) });

/** What a process knows of a partition, as reported by itself. */
export type PartitionReport = z.infer<typeof partition> & { worker: string };

const PROBE_TIMEOUT_MS = 3000;
/** In bytes. */
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;

/** Queries the partitions of the ordered workers of a process, for at most three seconds. Never rejects: undefined without a
 *  valid response. */
export async function probeOrdering(
  { url }: Pick<ProcessRecord, 'url'>,
  token?: string,
): Promise<PartitionReport[] | undefined> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  try {
    const limits = { timeout: PROBE_TIMEOUT_MS, maxBytes: MAX_RESPONSE_BYTES };
    const { text } = await boundedFetch(new URL('/ordering', url), { headers, ...limits });
    const { workers } = report.parse(JSON.parse(text));
    return workers.flatMap(({ worker, partitions }) => partitions.map((each) => ({ worker, ...each })));
  } catch {
    return undefined;
  }
}
