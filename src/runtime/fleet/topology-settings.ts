import type { Config } from '../../config/load-config.js';
import { formatDuration } from '../../duration.js';
import { FlotillaError } from '../../errors.js';
import { readSettings, type ProcessSettings } from '../../observability/processes/process-registry.js';
import { runDirOf, type Place } from '../place.js';

/** A variable of this environment with another value than in the processes of the fleet. */
export interface DifferentSetting {
  variable: string;
  /** Empty: not set. */
  here: string;
  /** The values of the running processes. */
  fleet: string[];
}

/** Of these depends which queues and bindings the fleet has, and not only their limits. */
const QUEUE_VARIABLES: readonly string[] = ['FLOTILLA_PREFIX', 'WORKERS', 'WITH', 'RETRY_DELAYS'];

/** The variables that decide what a fleet declares in the broker, as texts; empty if not set. */
export function topologySettings({
  prefix,
  workers,
  retryDelays,
  log,
  unroutedMax,
  ...config
}: Config): Record<string, string> {
  return {
    FLOTILLA_PREFIX: prefix,
    WORKERS: [...(workers ?? [])].sort().join(','),
    WITH: [...config.with].sort().join(','),
    RETRY_DELAYS: (retryDelays ?? []).map(formatDuration).join(','),
    STREAM_MAX_AGE: log.maxAge,
    STREAM_MAX_BYTES: String(log.maxBytes),
    UNROUTED_MAX: String(unroutedMax),
  };
}

/** The variables whose value here is that of no process of the fleet on this machine; none if no process runs. */
export async function differentSettings(place: Place): Promise<DifferentSetting[]> {
  return differencesFrom(await readSettings(runDirOf(place)), place.config);
}

/** Like `differentSettings`, from the settings of the running processes. */
export function differencesFrom(
  running: readonly Pick<ProcessSettings, 'settings'>[],
  config: Config,
): DifferentSetting[] {
  return Object.entries(topologySettings(config)).flatMap(([variable, here]) => {
    const fleet = [...new Set(running.flatMap(({ settings }) => settings?.[variable] ?? []))];
    return fleet.length === 0 || fleet.includes(here) ? [] : [{ variable, here, fleet }];
  });
}

/** Whether the fleet has other queues or bindings than this environment says. */
export function hasOtherQueues(different: readonly DifferentSetting[]): boolean {
  return different.some(({ variable }) => QUEUE_VARIABLES.includes(variable));
}

/** `this shell's RETRY_DELAYS differs from the fleet's: not set here, 1s,5s in its processes` */
export function describeDifference({ variable, here, fleet }: DifferentSetting): string {
  const shown = (value: string) => (value === '' ? 'not set' : value);
  const running = fleet.map(shown).join(' or ');
  return `this shell's ${variable} differs from the fleet's: ${shown(here)} here, ${running} in its processes`;
}

/** Rejects with `config.invalid` if the fleet has other queues or bindings than this environment says. */
export async function requireFleetSettings(place: Place): Promise<void> {
  const different = await differentSettings(place);
  if (!hasOtherQueues(different)) return;
  throw new FlotillaError('config.invalid', different.map(describeDifference).join('; '));
}
