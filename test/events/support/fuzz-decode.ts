import { performance } from 'node:perf_hooks';
import { readMessage } from '../../../src/contracts/reading.js';
import { FlotillaError } from '../../../src/errors.js';
import { decodeEvent } from '../../../src/events/decode.js';
import { dataschemaOf, type Definitions } from '../../../src/events/definitions.js';
import type { CommittedSamples } from '../../../src/contracts/samples.js';
import { CLOUDEVENTS_JSON, type EventEnvelope } from '../../../src/events/envelope.js';
import { envelope, isPlainEnvelope } from '../../../src/events/envelope-schema.js';
import { type EncodedEvent } from '../../../src/events/parse-envelope.js';
import { randomFrom } from '../../chaos/support/random.js';
import { hostileMessage } from './hostile-messages.js';

export interface FuzzResult {
  accepted: number;
  /** The refused inputs by code. */
  refused: Record<string, number>;
  /** Microseconds of CPU time per input of at most `ORDINARY_BYTES`, the least of three times for a slow one: 99 % needed at most
   *  this. */
  p99: number;
  /** The same in time of the clock, which includes what other processes took. */
  p99Elapsed: number;
  /** Milliseconds of the slowest input of any size, and its kind. */
  slowest: { milliseconds: number; kind: string };
}

/** The size of most events is below a kilobyte. */
const ORDINARY_BYTES = 16 * 1024;
/** Inputs before this one are not timed: the engine has not compiled the code yet. */
const COMPILED = 1_000;
/** Microseconds of CPU time from which an input is timed again. */
const SLOW = 500;
/** An error is logged and becomes a header: it may quote an input, but not repeat all of it. */
const MAX_MESSAGE_LENGTH = 3_000;

/** The events of committed samples, as they are published. */
export function sampleEvents(samples: readonly CommittedSamples[]): string[] {
  return samples.flatMap(({ type, version, samples: { samples: all } }) =>
    all.map(({ data }) =>
      JSON.stringify({
        specversion: '1.0',
        id: '01a22266-372b-7055-8819-8be0f75525ce',
        source: 'core',
        type,
        subject: 'order/1',
        time: '2026-01-01T00:00:00.000Z',
        datacontenttype: 'application/json',
        dataschema: dataschemaOf(type, version),
        correlationid: '01a22266-372b-7055-8819-8be0f75525ce',
        sequence: '1',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        data,
      }),
    ),
  );
}

/** Decodes hostile messages that are made from these events. Throws an error with the seed of the input if one is answered
 *  in another way than by an event or a reason. */
export function fuzzDecode(
  definitions: Definitions,
  {
    events,
    count,
    seed,
    onProgress,
  }: { events: readonly string[]; count: number; seed: number; onProgress?: (done: number) => void },
): FuzzResult {
  const refused: Record<string, number> = {};
  const spent: number[] = [];
  const elapsed: number[] = [];
  const slowest = { milliseconds: 0, kind: '' };
  let accepted = 0;
  for (let n = 0; n < count; n++) {
    const { kind, message } = hostileMessage(events, randomFrom(seed + n));
    try {
      const { outcome, ...first } = timed(definitions, message);
      let { cpu, milliseconds } = first;
      // the garbage collector and the compiler may have run meanwhile
      for (let more = 0; more < 2 && cpu > SLOW; more += 1) {
        const again = timed(definitions, message);
        [cpu, milliseconds] = [Math.min(cpu, again.cpu), Math.min(milliseconds, again.milliseconds)];
      }
      if (message.body.length <= ORDINARY_BYTES && n >= COMPILED) {
        spent.push(cpu);
        elapsed.push(milliseconds * 1000);
      }
      if (milliseconds > slowest.milliseconds) Object.assign(slowest, { milliseconds, kind });
      checkOutcome(definitions, message, outcome);
      if (outcome instanceof FlotillaError) refused[outcome.code] = (refused[outcome.code] ?? 0) + 1;
      else accepted += 1;
    } catch (error) {
      throw new Error(
        `TEST_SEED=${seed + n}, ${kind}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
        {
          cause: error,
        },
      );
    }
    if (n % 10_000 === 0) onProgress?.(n);
  }
  return { accepted, refused, p99: percentile(spent, 0.99), p99Elapsed: percentile(elapsed, 0.99), slowest };
}

/** Decodes a message. `cpu`: in microseconds, of all threads of the process. */
function timed(definitions: Definitions, message: EncodedEvent) {
  const began = performance.now();
  const before = process.cpuUsage();
  const outcome = outcomeOf(definitions, message);
  const { user, system } = process.cpuUsage(before);
  return { outcome, cpu: user + system, milliseconds: performance.now() - began };
}

/** The event, or the reason of its refusal; any other error is thrown. */
function outcomeOf(definitions: Definitions, message: EncodedEvent): EventEnvelope | FlotillaError {
  try {
    return decodeEvent(definitions, message);
  } catch (error) {
    if (error instanceof FlotillaError && error.code.startsWith('contract.')) return error;
    throw error;
  }
}

function checkOutcome(definitions: Definitions, message: EncodedEvent, outcome: EventEnvelope | FlotillaError): void {
  if ('polluted' in {}) throw new Error('the prototype of all objects has changed');
  const { failure } = readMessage(definitions, message);
  if (outcome instanceof FlotillaError) {
    if (outcome.message.length > MAX_MESSAGE_LENGTH)
      throw new Error(`a reason of ${outcome.message.length} characters`);
    if (failure?.code !== outcome.code) throw new Error(`${String(failure?.code)} in place of ${outcome.code}`);
  } else {
    if (failure !== undefined) throw failure;
    const again = decodeEvent(definitions, {
      body: JSON.stringify(outcome),
      properties: { contentType: CLOUDEVENTS_JSON },
    });
    const [before, after] = [outcome, again].map(attributesOf);
    if (before !== after) throw new Error(`published again, ${before} becomes ${after}`);
  }
  checkPlain(message);
}

/** Without extensions: JSON has no infinite numbers, and an attribute that is null is absent. */
function attributesOf(event: EventEnvelope): string {
  const names = Object.keys(envelope.shape) as (keyof EventEnvelope)[];
  return JSON.stringify(names.map((name) => event[name] ?? null));
}

/** The check without zod must accept what the schema of the envelope accepts, without extensions. */
function checkPlain({ body }: EncodedEvent): void {
  if (body.length > ORDINARY_BYTES) return;
  let given: unknown;
  try {
    given = JSON.parse(Buffer.from(body as Uint8Array).toString());
  } catch {
    return;
  }
  const parsed = envelope.safeParse(given);
  const isPlain = parsed.success && Object.keys(given as object).every((name) => Object.hasOwn(envelope.shape, name));
  if (isPlainEnvelope(given) !== isPlain)
    throw new Error(`the envelope is ${isPlain ? '' : 'not '}valid by its schema`);
}

function percentile(values: readonly number[], part: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor(sorted.length * part)] ?? 0;
}
