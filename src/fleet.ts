import type { Catalogue } from './catalogue.js';
import { FlotillaError } from './errors.js';
import type { Definitions } from './events/definitions.js';
import { isWildcard } from './events/patterns.js';
import type { StoredEvent } from './store/stored-event.js';
import type { Logger } from './telemetry/logger.js';
import type { Worker } from './worker/types.js';
import type { Route } from './api/route.js';

export interface SandboxOptions {
  host: string;
  port: number;
  smtpPort: number;
  dataDir: string;
  /** Asked for by everything but its health, beyond loopback. */
  token?: string;
  logger: Logger;
}

/** What a fleet is made of. */
export interface FleetDefinition {
  readonly catalogue: Catalogue<Definitions>;
  readonly workers: readonly Worker[];
  /** Which of the workers run under a way of fulfilment; those not named by any always do. */
  readonly variants?: Readonly<Record<string, readonly string[]>>;
  /** The API: its store, what it serves. */
  readonly api?: { readonly store: string; readonly routes: readonly Route[] };
  /** Whether what a command is about has come to its end, by its history in the API's store: its dead letter is then
   *  sent again only when forced. */
  readonly isClosed?: (command: { type: string; subject: string }, history: readonly StoredEvent[]) => boolean;
  /** The outside world in development. */
  readonly sandbox?: (options: SandboxOptions) => Promise<{ url: string; smtpUrl: string; close: () => Promise<void> }>;
}

export type Fleet = FleetDefinition;

/** A fleet with any catalogue; typed catalogues are assignable. */
export interface FleetInput extends Omit<FleetDefinition, 'catalogue'> {
  readonly catalogue: { readonly definitions: Definitions };
}

/** Puts a fleet together. Throws `fleet.invalid` when two workers, or two projections, have one name, or when a command
 *  is handled by none or by several of the workers that run together. */
export function defineFleet(fleet: FleetInput): Fleet {
  const names = new Set<string>();
  for (const { name } of fleet.workers) {
    if (names.has(name)) throw new FlotillaError('fleet.invalid', `two workers are called ${name}`);
    names.add(name);
  }
  checkProjections(fleet);
  checkSagas(fleet);
  for (const variant of Object.keys(fleet.variants ?? { all: [] })) checkCommands(fleet, variant);
  return fleet as Fleet;
}

/** The workers that run under a variant. */
export function workersOf(fleet: Pick<FleetInput, 'workers' | 'variants'>, variant?: string): Worker[] {
  const variants = fleet.variants ?? {};
  const chosen = variant === undefined ? [] : (variants[variant] ?? []);
  const bound = new Set(Object.values(variants).flat());
  return fleet.workers.filter(({ name }) => !bound.has(name) || chosen.includes(name));
}

/** Two of one saga would both give its commands. */
function checkSagas({ workers }: FleetInput): void {
  const runners = new Map<string, string>();
  for (const { name: worker, definition } of workers) {
    for (const { name } of definition.sagas) {
      const other = runners.get(name);
      if (other !== undefined)
        throw new FlotillaError('fleet.invalid', `${other} and ${worker} both run the saga ${name}`);
      runners.set(name, worker);
    }
  }
}

/** Two of one name would take each other's checkpoint for their own. */
function checkProjections({ workers }: FleetInput): void {
  const keepers = new Map<string, string>();
  for (const { name: worker, definition } of workers) {
    for (const { name } of definition.projections) {
      const other = keepers.get(name);
      if (other !== undefined) throw new FlotillaError('fleet.invalid', `${other} and ${worker} both keep ${name}`);
      keepers.set(name, worker);
    }
  }
}

function checkCommands(fleet: FleetInput, variant: string): void {
  const workers = workersOf(fleet, variant);
  for (const [type, definition] of Object.entries(fleet.catalogue.definitions)) {
    if (definition.kind !== 'command') continue;
    const handlers = workers.filter(({ definition }) =>
      definition.handlers.some(({ pattern }) => !isWildcard(pattern) && pattern === type),
    );
    if (handlers.length === 1) continue;
    const who = handlers.map(({ name }) => name).join(' and ') || 'nobody';
    throw new FlotillaError(
      'fleet.invalid',
      `the command ${type} must be handled by exactly one worker, not by ${who}`,
    );
  }
}
