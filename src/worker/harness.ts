import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { createMemoryBroker } from '../broker/memory/index.js';
import { namesFor, topologyOf } from '../broker/topology.js';
import { createEvent, originContext } from '../events/create.js';
import { CLOUDEVENTS_JSON, type EventEnvelope } from '../events/envelope.js';
import type { Store } from '../store/contract.js';
import { openSqliteStore } from '../store/sqlite/index.js';
import { silentLogger } from '../telemetry/logger.js';
import type { Message, Outcome } from './message.js';
import { queuesOfAll } from './queues.js';
import { startWorker } from './start.js';
import type { Worker } from './types.js';

/** An event for a test: what the rest of the envelope is made from. */
export interface TestEvent {
  type: string;
  data: unknown;
  /** @default 'test/1' */
  subject?: string;
  id?: string;
}

export interface HarnessOptions {
  /** In place of what the worker's `setup` would give. */
  use?: unknown;
  /** As the worker's `settings` schema has them; not needed with `use`. */
  settings?: Record<string, unknown>;
  /** Headers of the delivery, such as `flotilla-attempt`. */
  headers?: Record<string, string | number | boolean>;
  /** Milliseconds since the epoch; from it follow the time-outs of sagas and the ids of their commands. @default Date.now */
  now?: () => number;
}

export interface HarnessResult {
  outcome: Outcome;
  /** What was appended by the last event, in order. */
  emitted: { type: string; subject: string; data: unknown }[];
  /** The code of the last error, where there was one. */
  code: string | undefined;
}

/** A scenario; every method gives a new one, and nothing runs before an expectation is asked for. */
export interface Scenario {
  /** Events that were handled before; each must end `done`. */
  given: (...events: TestEvent[]) => Scenario;
  /** The event whose handling is looked at. */
  when: (event: TestEvent) => Scenario;
  /** It is handled, and exactly these events are appended. */
  emits: (...events: Omit<TestEvent, 'id'>[]) => Promise<HarnessResult>;
  /** It fails, and is tried again; with this code where one is given. */
  retries: (code?: string) => Promise<HarnessResult>;
  /** It goes to the dead letters under this code. */
  deadLetters: (code: string) => Promise<HarnessResult>;
  /** Whatever becomes of it. `look` may read the worker's store. */
  result: (look?: (store: Store) => Promise<void>) => Promise<HarnessResult>;
}

/**
 * Runs a worker alone, in this process: its whole pipeline on a memory broker, with a real store in a temporary
 * folder that is removed afterwards. An event that one of its projections takes is one of that store; the projections have
 * taken all there is before anything is looked at. Expectations reject with an error that shows what was expected and what was seen.
 */
export function harness(worker: Worker, options: HarnessOptions = {}): Scenario {
  return scenario(worker, options, [], undefined);
}

function scenario(worker: Worker, options: HarnessOptions, given: TestEvent[], when: TestEvent | undefined): Scenario {
  const run = async (look?: (store: Store) => Promise<void>) => {
    if (when === undefined) throw new Error('The scenario has no when(…)');
    return runScenario(worker, options, given, when, look);
  };
  return {
    given: (...events) => scenario(worker, options, [...given, ...events], when),
    when: (event) => scenario(worker, options, given, event),
    result: run,
    async emits(...events) {
      const result = await run();
      const expected = events.map(({ type, data, subject }) => ({
        type,
        data,
        subject: subject ?? when?.subject ?? SUBJECT,
      }));
      const seen = result.emitted.map(({ type, data, subject }) => ({ type, data, subject }));
      if (result.outcome !== 'done' || !isDeepStrictEqual(seen, expected)) {
        throw mismatch({ outcome: 'done', emitted: expected }, result);
      }
      return result;
    },
    async retries(code) {
      const result = await run();
      if (result.outcome !== 'retried' || (code !== undefined && result.code !== code)) {
        throw mismatch({ outcome: 'retried', code }, result);
      }
      return result;
    },
    async deadLetters(code) {
      const result = await run();
      if (result.outcome !== 'dead' || result.code !== code) throw mismatch({ outcome: 'dead', code }, result);
      return result;
    },
  };
}

const SUBJECT = 'test/1';

async function runScenario(
  worker: Worker,
  { headers = {}, ...options }: HarnessOptions,
  given: TestEvent[],
  when: TestEvent,
  look: (store: Store) => Promise<void> = async () => undefined,
): Promise<HarnessResult> {
  const { definition } = worker;
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-harness-'));
  const store = await openSqliteStore({ service: definition.store, path: join(folder, 'store.db') });
  const broker = createMemoryBroker();
  const names = namesFor('');
  await broker.applyTopology(
    topologyOf(queuesOfAll([worker]), { prefix: '', log: { maxAge: '1h', maxBytes: 1_000_000 }, unroutedMax: 100 }),
  );
  const settled = new Map<string, { outcome: Outcome; message: Message }>();
  let wake = () => {};
  const running = await startWorker(definition, {
    ...options,
    store,
    broker,
    instance: 'harness',
    logger: silentLogger(),
    observe: (message, outcome) => {
      settled.set(message.delivery.properties.messageId ?? '', { outcome, message });
      wake();
    },
  });
  const publisher = broker.createPublisher();
  const projected = (type: string) => definition.projections.some((each) => each.definition.handlerOf.has(type));
  let last = '';
  const deliver = async (test: TestEvent): Promise<Outcome> => {
    const event = envelopeOf(test);
    last = event.id;
    settled.delete(event.id);
    if (projected(event.type)) await store.append(event.subject, 'any', [event]);
    if (projected(event.type) && !definition.handlerOf.has(event.type)) return 'done';
    await publisher.ready();
    await publisher.publish({
      exchange: '',
      routingKey: names.queue(definition.name),
      body: Buffer.from(JSON.stringify(event)),
      properties: { messageId: event.id, type: event.type, contentType: CLOUDEVENTS_JSON, headers },
      mandatory: true,
    });
    for (;;) {
      const found = settled.get(event.id);
      if (found !== undefined) return found.outcome;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  try {
    for (const event of given) {
      const outcome = await deliver(event);
      if (outcome !== 'done') throw new Error(`given(${event.type}) ended ${outcome}`);
    }
    const before = await store.head();
    const outcome = await deliver(when);
    await running.caughtUp();
    const events = (await store.readAll(before)).filter(({ id }) => id !== last);
    const emitted = events.map(({ event: { type, subject, data } }) => ({ type, subject, data }));
    await look(store);
    return { outcome, emitted, code: settled.get(last)?.message.failure?.code };
  } finally {
    await running.stop(1000);
    await publisher.close();
    await broker.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }

  function envelopeOf({ type, data, subject = SUBJECT, id }: TestEvent): EventEnvelope {
    const context = originContext({ source: projected(type) ? store.service : 'test', subject });
    return createEvent(definition.definitions, type, data, { ...context, id: id ?? context.id });
  }
}

function mismatch(expected: unknown, seen: unknown): Error {
  return new Error(`Expected ${JSON.stringify(expected, undefined, 2)}\nSeen ${JSON.stringify(seen, undefined, 2)}`);
}
