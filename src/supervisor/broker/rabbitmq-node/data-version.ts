import { FlotillaError } from '../../../errors.js';
import { reasonOf } from './startup-log.js';
import { upgradeSteps } from './upgrade.js';
import { dataVersion, installedVersion } from './version.js';

/** Undefined if it cannot be determined. */
export interface Versions {
  /** The version that wrote the data of a node. */
  written: string | undefined;
  /** The version that would run with it; determined only if data exists. */
  installed: string | undefined;
}

export async function versionsOf(dataDir: string, server: string, path: string): Promise<Versions> {
  const written = await dataVersion(dataDir);
  return { written, installed: written === undefined ? undefined : await installedVersion(server, path, dataDir) };
}

/** Whether another version wrote the data, which may be the cause of a failed start. */
export function isUpgrade({ written, installed }: Versions): boolean {
  return written !== undefined && written !== installed;
}

/** The error of a start that RabbitMQ would refuse; undefined if it may succeed. */
export function refusalOf(dataDir: string, { written, installed }: Versions): FlotillaError | undefined {
  if (written === undefined || installed === undefined) return undefined;
  const steps = upgradeSteps(written, installed);
  if (steps?.length === 0) return undefined;
  return new FlotillaError(
    'broker.data_version',
    `${whoWrote(dataDir, written, installed)}; ${advice(written, steps)}`,
  );
}

/** The error of a start that RabbitMQ has refused. */
export function failedUpgrade(dataDir: string, { written, installed }: Versions, log: string): FlotillaError {
  const reason = reasonOf(log);
  const detail = whoWrote(dataDir, written ?? 'an unknown version', installed ?? 'another version');
  const said = reason === undefined ? '' : ` (${reason})`;
  return new FlotillaError('broker.data_version', `${detail}${said}; ${advice(written ?? 'it', undefined)}`);
}

function whoWrote(dataDir: string, written: string, installed: string): string {
  return `RabbitMQ ${written} wrote ${dataDir}, and ${installed}, which is installed, cannot start on it`;
}

function advice(written: string, steps: readonly string[] | undefined): string {
  const path =
    steps === undefined
      ? `install ${written} again`
      : `install ${written} again, or one after the other ${steps.join(', ')}, each with one start of the fleet`;
  return `${path}; or begin with an empty broker, which the stores fill again: flotilla up --set-broker-aside`;
}
