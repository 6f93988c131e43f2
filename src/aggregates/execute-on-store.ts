import { setTimeout } from 'node:timers/promises';
import { hasCode } from '../errors.js';
import type { Definitions } from '../events/definitions.js';
import type { EventContext } from '../events/envelope.js';
import { derivedId, newId } from '../events/ids.js';
import type { Store } from '../store/store.js';
import type { StoredEvent } from '../store/stored-event.js';
import type { Decider } from './decider.js';
import { decideOn, type Decision, type Expectation } from './execute.js';
import { expectedBy, loadStream, streamOf, type Loaded } from './load.js';

/** The methods of a store that `executeOnStore` uses. */
export type CommandStore = Pick<Store, 'service' | 'read' | 'snapshot' | 'event' | 'append' | 'transaction'>;

/** Options of `executeOnStore`. */
export interface ExecuteOnStoreOptions extends Expectation {
  /** Identifies the command to this aggregate; unique, preferably created by `newId`. */
  commandId?: string;
  /** The correlation id of the events. @default the id of the first event */
  correlationId?: string;
  /** The id of the event or command that caused this command. */
  causationId?: string;
  /** W3C Trace Context. */
  traceparent?: string;
  /** Maximum number of retries after concurrent appends. @default 5 */
  retries?: number;
  /** Ends the wait between two attempts. */
  signal?: AbortSignal;
  /** Returns the current time, in milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** Returns a random number, at least 0 and below 1. @default Math.random */
  random?: () => number;
}

/** The result of `executeOnStore`: the state after the command. */
export interface ExecutedOnStore<State> extends Loaded<State> {
  /** True if the command had been executed before and nothing was appended now. */
  repeated: boolean;
}

/** Maximum delay before the second attempt, in milliseconds; it doubles with each attempt, up to `LONGEST_PAUSE`. */
const RETRY_DELAY_MS = 4;
const MAX_PAUSE_MS = 250;

/**
 * Executes a command outside of any transaction: loads the aggregate, decides, and appends at the loaded version.
 * Resolves when the events are durable. After a conflict it loads and decides again, after a short random delay, up to
 * `retries` times; a conflict with `expectedVersion` is final. Throws the errors of `decide`, or `store.conflict` (a
 * `ConflictError` with the current version).
 *
 * With a `commandId` it is idempotent, across processes and without a time limit: event ids are derived from it, so
 * that a repeated command is detected and resolves with the current state. A command that was rejected or produced no
 * event leaves no trace and is decided again.
 */
export async function executeOnStore<State, Command, Event extends { type: string; data: unknown }>(
  store: CommandStore,
  definitions: Definitions,
  decider: Decider<State, Command, Event>,
  id: string,
  command: Command,
  options: ExecuteOnStoreOptions = {},
): Promise<ExecutedOnStore<State>> {
  const { retries = 5, signal, random = Math.random } = options;
  for (let tries = 0; ; tries++) {
    signal?.throwIfAborted();
    try {
      return await handleOnce(store, definitions, decider, id, command, options);
    } catch (error) {
      if (tries >= retries || !isRetried(error, options)) throw error;
    }
    await setTimeout(random() * Math.min(RETRY_DELAY_MS * 2 ** tries, MAX_PAUSE_MS), undefined, { signal });
  }
}

async function handleOnce<State, Command, Event extends { type: string; data: unknown }>(
  store: CommandStore,
  definitions: Definitions,
  decider: Decider<State, Command, Event>,
  id: string,
  command: Command,
  options: ExecuteOnStoreOptions,
): Promise<ExecutedOnStore<State>> {
  const stream = streamOf(decider, id);
  const contexts = new Contexts(store.service, stream, options);
  const repeated = async (): Promise<ExecutedOnStore<State>> => {
    const { state, version } = await loadStream(store, definitions, decider, stream);
    return { state, version, repeated: true };
  };
  const seen = await loadStream(store, definitions, decider, stream);
  // queried after the load: a later commit changes the version, so that the append conflicts
  const done = await contexts.first(store);
  if (done !== undefined) {
    const { state, version } = seen;
    return done.version <= version ? { state, version, repeated: true } : repeated();
  }
  const decision = decideOn(definitions, decider, stream, seen, command, () => contexts.next(), options);
  if (decision.events.length === 0) return { state: seen.state, version: seen.version, repeated: false };
  const { version, appended } = await append(store, stream, expectedBy(seen), decision);
  return appended > 0 ? { state: decision.state, version, repeated: false } : repeated();
}

/** Uses a transaction only if a snapshot is due: a single append costs less. */
function append<State>(
  store: Pick<Store, 'append' | 'transaction'>,
  stream: string,
  expected: number | 'none',
  { events, snapshot }: Decision<State>,
) {
  if (snapshot === undefined) return store.append(stream, expected, events);
  return store.transaction(async (tx) => {
    const result = await tx.append(stream, expected, events);
    if (result.appended > 0) await tx.saveSnapshot(stream, snapshot);
    return result;
  });
}

/** Whether to retry: after a concurrent append, or when another write of the group aborted the transaction. */
function isRetried(error: unknown, { expectedVersion }: Expectation): boolean {
  return hasCode(error, 'store.group_aborted') || (expectedVersion === undefined && hasCode(error, 'store.conflict'));
}

/** Creates the envelopes of one command's events. With a command id, the n-th event always has the same id. */
class Contexts {
  #made = 0;
  readonly #now: number;
  #correlationId: string | undefined;

  constructor(
    private readonly service: string,
    private readonly stream: string,
    private readonly options: ExecuteOnStoreOptions,
  ) {
    this.#now = (options.clock ?? Date.now)();
    this.#correlationId = options.correlationId;
  }

  next(): EventContext {
    const id = this.#id(this.#made++);
    this.#correlationId ??= id;
    const { causationId, traceparent } = this.options;
    return {
      id,
      source: this.service,
      subject: this.stream,
      time: new Date(this.#now).toISOString(),
      correlationId: this.#correlationId,
      ...(causationId !== undefined && { causationId }),
      ...(traceparent !== undefined && { traceparent }),
    };
  }

  /** Returns the first event of this command if it was executed before. */
  async first(store: Pick<Store, 'event'>): Promise<StoredEvent | undefined> {
    return this.options.commandId === undefined ? undefined : store.event(this.#id(0));
  }

  #id(n: number): string {
    const { commandId } = this.options;
    return commandId === undefined
      ? newId(this.#now)
      : derivedId(timeOf(commandId), 'command', this.service, this.stream, commandId, n);
  }
}

/** Returns the time in an id of `newId` or `derivedId`, so that ids derived from it sort near it; 0 for any other
 *  text. */
function timeOf(commandId: string): number {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-[78][0-9a-f]{3}-/i.exec(commandId) ?? [];
  return high === undefined || low === undefined ? 0 : Number.parseInt(high + low, 16);
}
