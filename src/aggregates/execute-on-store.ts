import { setTimeout } from 'node:timers/promises';
import { hasCode } from '../errors.js';
import type { Definitions } from '../events/definitions.js';
import type { EventContext } from '../events/envelope.js';
import { derivedId, newId } from '../events/ids.js';
import type { Store } from '../store/store.js';
import type { StoredEvent } from '../store/stored-event.js';
import type { Decider } from './decider.js';
import { decideOn, expectedBy, type Decision, type Expectation } from './execute.js';
import { loadStream, streamOf, type Loaded } from './load.js';

/** What executing a command needs of a store. */
export type CommandStore = Pick<Store, 'service' | 'read' | 'snapshot' | 'event' | 'append' | 'transaction'>;

export interface ExecuteOnStoreOptions extends Expectation {
  /** Identifies the command to this aggregate; unique, preferably from `newId`. */
  commandId?: string;
  /** The story it belongs to. @default the first event's id */
  correlationId?: string;
  /** The event or command it follows from. */
  causationId?: string;
  /** W3C Trace Context. */
  traceparent?: string;
  /** How often the command is decided again after a concurrent append. @default 5 */
  retries?: number;
  /** Ends the waiting between two tries. */
  signal?: AbortSignal;
  /** Milliseconds since the epoch. */
  clock?: () => number;
  /** From 0 to 1, without it. */
  random?: () => number;
}

export interface ExecutedOnStore<State> extends Loaded<State> {
  /** True: the command was executed before, and nothing was appended now. */
  repeated: boolean;
}

/** The longest pause before the second try, in milliseconds; it doubles with each further one, up to the longest of all. */
const RETRY_DELAY_MS = 4;
const LONGEST_PAUSE = 250;

/**
 * Executes a command outside of any transaction: loads the aggregate, decides, appends at the version it read. Resolves
 * when the events are durable. After a conflict it loads and decides again, after a short random pause, up to `retries`
 * times; a conflict with `expectedVersion` is final. Throws what `decide` throws, or `store.conflict` (a `ConflictError`
 * with the current version).
 *
 * With a `commandId` it is idempotent, also across processes and at any later time: the event ids are derived from it, so
 * that a repeated command is detected and resolves with the current state. A command that was rejected or led to no event
 * leaves no trace and is decided again.
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
    await setTimeout(random() * Math.min(RETRY_DELAY_MS * 2 ** tries, LONGEST_PAUSE), undefined, { signal });
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
  // looked for after the load: what is committed from here on moves the version, and the append then conflicts
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

/** A transaction only where there is a snapshot to keep: a single append costs less. */
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

/** Somebody was quicker; or nothing was committed, through another's fault. */
function isRetried(error: unknown, { expectedVersion }: Expectation): boolean {
  return hasCode(error, 'store.group_aborted') || (expectedVersion === undefined && hasCode(error, 'store.conflict'));
}

/** Makes the envelopes of one command's events: with a command id, the n-th always under the same id. */
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

  /** The first event of this command, where it has been done. */
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

/** The time in an id of `newId` or `derivedId`, so that what follows from it sorts beside it; 0 in any other text. */
function timeOf(commandId: string): number {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-[78][0-9a-f]{3}-/i.exec(commandId) ?? [];
  return high === undefined || low === undefined ? 0 : Number.parseInt(high + low, 16);
}
