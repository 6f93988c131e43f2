import { z } from 'zod';
import { boundedFetch } from '../../net/bounded-fetch.js';
import type { ProcessRecord } from './process-registry.js';

export type BreakerState = 'closed' | 'half-open' | 'open';

const reportedCheck = z.object({
  ok: z.boolean(),
  detail: z.string().default(''),
  /** RFC 3339: since when, and until when. */
  since: z.string().optional(),
  until: z.string().optional(),
});
export type ReportedCheck = z.infer<typeof reportedCheck>;

const readiness = z.object({ checks: z.record(z.string(), reportedCheck).default({}) });

/** The current state of a process, as reported by itself. */
export interface ProcessReport extends ProcessRecord {
  /** `silent`: it did not respond in time. */
  health: 'ready' | 'not ready' | 'silent';
  /** The results of its /readyz, by check; empty if it is silent or requires another token. */
  checks: Readonly<Record<string, ReportedCheck>>;
  breakers: Readonly<Record<string, BreakerState>>;
  /** Unsettled deliveries, by worker. */
  inFlight: Readonly<Record<string, number>>;
  /** The offset up to which it has processed the stream, by worker; only of active readers. */
  logOffsets: Readonly<Record<string, number>>;
  /** How often it detected a break of the stream, by worker. */
  logAlarms: Readonly<Record<string, number>>;
  /** The stored events that wait to be published, by service: their number, and how long the oldest has waited. */
  unpublished: Readonly<Record<string, { events: number; seconds: number }>>;
  /** How many missing parts of the topology it has declared again. */
  topologyRecreated: number;
  /** Its projections that are stopped at an event or have to be rebuilt. */
  stoppedProjections: readonly string[];
}

const PROBE_TIMEOUT_MS = 3000;
/** In bytes. */
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;
const BREAKER_STATES: readonly BreakerState[] = ['closed', 'half-open', 'open'];

/** Queries the health and the metrics of a process, for at most three seconds. Never rejects: without a response, the
 *  process is `silent`. */
export async function probeProcess(process: ProcessRecord, token?: string): Promise<ProcessReport> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const get = (path: string) =>
    boundedFetch(new URL(path, process.url), { headers, timeout: PROBE_TIMEOUT_MS, maxBytes: MAX_RESPONSE_BYTES });
  try {
    const [ready, metrics] = await Promise.all([get('/readyz'), get('/metrics')]);
    const { checks } = readiness.safeParse(JSON.parse(ready.text)).data ?? {
      checks: {},
    };
    const samples = samplesIn(metrics.status === 200 ? metrics.text : '');
    return {
      ...process,
      health: ready.status === 200 ? 'ready' : 'not ready',
      checks,
      breakers: Object.fromEntries(
        samplesOf(samples, 'flotilla_breaker_state').map(([worker, value]) => [
          worker,
          BREAKER_STATES[value] ?? 'open',
        ]),
      ),
      inFlight: sums(samples, 'flotilla_messages_in_flight'),
      logOffsets: sums(samples, 'flotilla_log_offset'),
      logAlarms: sums(samples, 'flotilla_log_gaps_total'),
      unpublished: unpublishedOf(samples),
      topologyRecreated: samplesOf(samples, 'flotilla_topology_recreated_total', 'kind').reduce(
        (sum, [, value]) => sum + value,
        0,
      ),
      stoppedProjections: samplesOf(samples, 'flotilla_projection_stopped', 'projection')
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
      unpublished: {},
      topologyRecreated: 0,
      stoppedProjections: [],
    };
  }
}

/** The sums of the samples of a metric by worker, over all other labels. */
function sums(samples: Samples, name: SampledMetric): Record<string, number> {
  const totals = new Map<string, number>();
  for (const [worker, value] of samplesOf(samples, name)) totals.set(worker, (totals.get(worker) ?? 0) + value);
  return Object.fromEntries(totals);
}

function unpublishedOf(samples: Samples): ProcessReport['unpublished'] {
  const seconds = new Map(samplesOf(samples, 'flotilla_relay_waiting_seconds', 'service'));
  const events = samplesOf(samples, 'flotilla_relay_lag_events', 'service');
  return Object.fromEntries(
    events.map(([service, count]) => [service, { events: count, seconds: seconds.get(service) ?? 0 }]),
  );
}

const SAMPLED = [
  'flotilla_breaker_state',
  'flotilla_messages_in_flight',
  'flotilla_log_offset',
  'flotilla_log_gaps_total',
  'flotilla_relay_waiting_seconds',
  'flotilla_relay_lag_events',
  'flotilla_topology_recreated_total',
  'flotilla_projection_stopped',
] as const;
type SampledMetric = (typeof SAMPLED)[number];
/** The lines of the samples of these metrics, without their names. */
type Samples = ReadonlyMap<string, string[]>;

/** Reads the text format of Prometheus.
 *  Source: https://prometheus.io/docs/instrumenting/exposition_formats/ */
function samplesIn(text: string): Samples {
  const samples = new Map<string, string[]>(SAMPLED.map((name) => [name, []]));
  for (const line of text.split('\n')) {
    const end = line.indexOf('{');
    if (end > 0) samples.get(line.slice(0, end))?.push(line.slice(end));
  }
  return samples;
}

/** The samples of a metric by a label. */
function samplesOf(samples: Samples, name: SampledMetric, label = 'worker'): [string, number][] {
  const pattern = new RegExp(`[{,]${label}="([^"\\\\]*)".*\\} (\\S+)`);
  return (samples.get(name) ?? []).flatMap((line): [string, number][] => {
    const [, labelled, value] = pattern.exec(line) ?? [];
    return labelled === undefined || value === undefined ? [] : [[labelled, Number(value)]];
  });
}
