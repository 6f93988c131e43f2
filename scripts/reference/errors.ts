import { errors, isErrorCode, type ErrorCode } from '../../src/errors.js';
import { page, plain } from './markdown.js';

const GROUPS: Readonly<Record<string, string>> = {
  contract: 'Messages and event types',
  store: 'Stores',
  broker: 'Broker',
  topology: 'Topology',
  subject: 'Workers',
  worker: 'Workers',
  saga: 'Sagas',
  projection: 'Projections',
  log: 'Event log, journal and replay',
  journal: 'Event log, journal and replay',
  replay: 'Event log, journal and replay',
  http: 'Requests to other services',
  dead_letter: 'Dead letters',
  simulation: 'Simulation',
};

const DISPOSALS = { retry: 'retried', reject: 'refused', fatal: 'ends the process' } as const;

/** Where a process that runs does otherwise than one that starts. */
const EXCEPTIONS: Partial<Record<ErrorCode, string>> = {
  'broker.not_permitted': 'ends a process that starts; a process that runs retries',
};

export function errorsPage(): string {
  const groups = new Map<string, string[]>();
  for (const code of Object.keys(errors).filter(isErrorCode)) {
    const title = GROUPS[code.split('.')[0] ?? ''] ?? 'Fleet, names and configuration';
    groups.set(title, [...(groups.get(title) ?? []), section(code)]);
  }
  return page(
    'Errors',
    'src/errors.ts',
    'Codes are stable: alerts, dead letters and logs carry them. The command line prints the code, what is wrong and what to do. A handler may also use codes of its own (`PermanentError`).',
    'An error that is *retried* is handled again later; *refused* work is dead-lettered or returned to the caller; an error that *ends the process* needs a change first.',
    ...[...groups].flatMap(([title, sections]) => [`## ${title}`, ...sections]),
  );
}

function section(code: ErrorCode): string {
  const { message, remedy, disposal } = errors[code];
  return `### ${code}\n\n${plain(message)} (${EXCEPTIONS[code] ?? DISPOSALS[disposal]}).\n\n**What to do**: ${plain(remedy)}`;
}
