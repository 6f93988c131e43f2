import { z } from 'zod';
import { boundedFetch } from '../../net/bounded-fetch.js';
import type { ProcessRecord } from './process-registry.js';

export type BreakerState = 'closed' | 'half-open' | 'open';

const reportedCheck = z.object({
  ok: z.boolean(),
  detail: z.string().default(''),
  /** RFC 3339: since when it is so, and until when. */
  since: z.string().optional(),
  until: z.string().optional(),
});
export type ReportedCheck = z.infer<typeof reportedCheck>;

const readiness = z.object({ checks: z.record(z.string(), reportedCheck).default({}) });

/** What a process says of itself right now. */
export interface ProcessReport extends ProcessRecord {
  /** `silent`: it did not answer in time. */
  health: 'ready' | 'not ready' | 'silent';
  /** What its /readyz reports, by check; empty where it is silent or wants another token. */
  checks: Readonly<Record<string, ReportedCheck>>;
  breakers: Readonly<Record<string, BreakerState>>;
  /** Deliveries that are not settled yet, by worker. */
  inFlight: Readonly<Record<string, number>>;
  /** The offset up to which it is done with the log, by worker; of those whose turn it is to read. */
  logOffsets: Readonly<Record<string, number>>;
  /** How often it found the log broken, by worker. */
  logAlarms: Readonly<Record<string, number>>;
  /** Its projections that are stopped at an event or have to be rebuilt. */
  stoppedProjections: readonly string[];
}

const PROBE_TIMEOUT_MS = 3000;
/** Bytes. */
const MAX_ANSWER = 8 * 1024 * 1024;
const BREAKER_STATES: readonly BreakerState[] = ['closed', 'half-open', 'open'];

/** Asks a process for its health and metrics, for three seconds at most. Never rejects: one that doesn't answer is silent. */
export async function probeProcess(process: ProcessRecord, token?: string): Promise<ProcessReport> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const get = (path: string) =>
    boundedFetch(new URL(path, process.url), { headers, timeout: PROBE_TIMEOUT_MS, maxBytes: MAX_ANSWER });
  try {
    const [ready, metrics] = await Promise.all([get('/readyz'), get('/metrics')]);
    const { checks } = readiness.safeParse(JSON.parse(ready.text)).data ?? {
      checks: {},
    };
    const text = metrics.status === 200 ? metrics.text : '';
    return {
      ...process,
      health: ready.status === 200 ? 'ready' : 'not ready',
      checks,
      breakers: Object.fromEntries(
        samplesOf(text, 'flotilla_breaker_state').map(([worker, value]) => [worker, BREAKER_STATES[value] ?? 'open']),
      ),
      inFlight: sums(text, 'flotilla_messages_in_flight'),
      logOffsets: sums(text, 'flotilla_log_offset'),
      logAlarms: sums(text, 'flotilla_log_gaps_total'),
      stoppedProjections: samplesOf(text, 'flotilla_projection_stopped', 'projection')
        .filter(([, value]) => value === 1)
        .map(([projection]) => projection),
    };
  } catch {
    return {
      ...process,
      health: 'silent',
      checks: {},
      breakers: {},
      inFlight: {},
      logOffsets: {},
      logAlarms: {},
      stoppedProjections: [],
    };
  }
}

/** The samples of a metric by worker, whatever else they are told apart by. */
function sums(text: string, name: string): Record<string, number> {
  const totals = new Map<string, number>();
  for (const [worker, value] of samplesOf(text, name)) totals.set(worker, (totals.get(worker) ?? 0) + value);
  return Object.fromEntries(totals);
}

/** The samples of a metric in the text format of Prometheus, by a label.
 *  Source: https://prometheus.io/docs/instrumenting/exposition_formats/ */
function samplesOf(text: string, name: string, label = 'worker'): [string, number][] {
  const pattern = new RegExp(`[{,]${label}="([^"\\\\]*)".*\\} (\\S+)`);
  const samples: [string, number][] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name}{`)) continue;
    const [, labelled, value] = pattern.exec(line) ?? [];
    if (labelled !== undefined && value !== undefined) samples.push([labelled, Number(value)]);
  }
  return samples;
}
