import { z } from 'zod';
import { baseCatalogue, catalogue, command, event, type EventEnvelope } from 'flotilla';
import { decide } from '../../../src/sagas/decision/decide.js';
import { evolve, initialState, type SagaEvent, type SagaState } from '../../../src/sagas/decision/state.js';
import type { SagaInput } from '../../../src/sagas/decision/trigger.js';
import { sagaDefinitionOf } from '../../../src/sagas/definition/define-saga.js';

const trip = z.strictObject({ tripId: z.string() });
const refusal = z.strictObject({ tripId: z.string(), reason: z.string() });

/** A trip: a flight, a hotel, and a mail that cannot be compensated. */
export const journeys = catalogue(baseCatalogue, {
  'trip.asked': event({ 1: z.strictObject({ tripId: z.string(), days: z.int() }) }),
  'trip.dropped': event({ 1: refusal }),
  'flight.book': command({ 1: z.strictObject({ tripId: z.string(), days: z.int() }) }),
  'flight.booked': event({ 1: z.strictObject({ tripId: z.string(), seat: z.string() }) }),
  'flight.refused': event({ 1: refusal }),
  'flight.cancel': command({ 1: refusal }),
  'flight.cancelled': event({ 1: trip }),
  'flight.kept': event({ 1: refusal }),
  'hotel.book': command({ 1: z.strictObject({ tripId: z.string(), seat: z.string() }) }),
  'hotel.booked': event({ 1: trip }),
  'hotel.refused': event({ 1: refusal }),
  'hotel.cancel': command({ 1: refusal }),
  'hotel.cancelled': event({ 1: trip }),
  'mail.send': command({ 1: trip }),
  'mail.sent': event({ 1: trip }),
});

const nothing = () => undefined;

/** Handlers of the commands of a trip, for a worker that does nothing. */
export const tripCommands = {
  'flight.book': nothing,
  'flight.cancel': nothing,
  'hotel.book': nothing,
  'hotel.cancel': nothing,
  'mail.send': nothing,
};

const { defineSaga } = journeys;

export const tripSaga = defineSaga({
  name: 'travel',
  startedBy: 'trip.asked',
  input: ({ days }) => ({ days }),
  cancelledBy: 'trip.dropped',
  subject: (id) => `trip/${id}`,
  answers: 'any', // lets tests answer without knowing the command; see forged-answers.test.ts
  steps: [
    {
      name: 'flight',
      command: { type: 'flight.book', data: ({ sagaId: tripId, input: { days } }) => ({ tripId, days }) },
      done: { type: 'flight.booked', result: ({ seat }) => seat },
      failed: ['flight.refused'],
      timeout: '1m',
      retryDelays: ['10s', '20s'],
      retries: (reason) => reason === 'busy',
      compensate: {
        command: { type: 'flight.cancel', data: ({ sagaId: tripId, reason }) => ({ tripId, reason }) },
        done: 'flight.cancelled',
        failed: ['flight.kept'],
        timeout: '1m',
        retryDelays: ['5s'],
      },
    },
    {
      name: 'hotel',
      command: {
        type: 'hotel.book',
        data: ({ sagaId: tripId, results }) => ({
          tripId,
          seat: typeof results['flight'] === 'string' ? results['flight'] : '',
        }),
      },
      done: 'hotel.booked',
      failed: ['hotel.refused'],
      timeout: '2m',
      compensate: {
        command: { type: 'hotel.cancel', data: ({ sagaId: tripId, reason }) => ({ tripId, reason }) },
        done: 'hotel.cancelled',
        timeout: '1m',
      },
    },
    {
      name: 'mail',
      command: { type: 'mail.send', data: ({ sagaId: tripId }) => ({ tripId }) },
      done: 'mail.sent',
      timeout: '1m',
    },
  ],
});

const START = Date.parse('2026-01-01T00:00:00Z');

/** A saga driven by a test, with a controlled clock. */
export class TripRun {
  state: SagaState = initialState;
  readonly recorded: SagaEvent[] = [];
  now = START;
  #messages = 0;

  /** Delivers a message; returns the decided events in short form: `step_started hotel back 2`. */
  receive(type: string, data: object = {}, causationid?: string): string[] {
    const id = `m${(this.#messages += 1)}`;
    const event: EventEnvelope = {
      specversion: '1.0',
      id,
      source: 'test',
      type,
      subject: 'trip/t1',
      time: new Date(this.now).toISOString(),
      datacontenttype: 'application/json',
      dataschema: `urn:flotilla:${type}:1`,
      correlationid: 'c',
      ...(causationid !== undefined && { causationid }),
      data: { tripId: 't1', ...data },
    };
    return this.#take({ kind: 'message', sagaId: 't1', now: this.now, event });
  }

  /** Advances the clock to the awaited deadline and delivers its timer. */
  wait(): string[] {
    const { waiting } = this.state;
    if (waiting === undefined) throw new Error('nothing is waited for');
    this.now = Date.parse(waiting.at);
    return this.timer();
  }

  /** Delivers the awaited timer, or an outdated one. */
  timer(other: object = {}): string[] {
    const { step, direction, attempt, timer } = this.state.waiting ?? {};
    return this.receive('saga.timer_due', { saga: 'travel', sagaId: 't1', step, direction, attempt, timer, ...other });
  }

  retry(): string[] {
    return this.#take({ kind: 'retry', sagaId: 't1', now: this.now, who: 'ann' });
  }

  compensate(): string[] {
    return this.#take({ kind: 'compensate', sagaId: 't1', now: this.now, who: 'ann', reason: 'a test' });
  }

  /** The id of the last command of a step. */
  command(step: string, direction: 'forward' | 'back', nth = -1): string {
    return this.state.steps[step]?.[direction].commands.at(nth) ?? '';
  }

  #take(input: SagaInput): string[] {
    const events = decide(sagaDefinitionOf(tripSaga), input, this.state);
    this.state = events.reduce(evolve, this.state);
    this.recorded.push(...events);
    return events.map(shortly);
  }
}

function shortly({ type, data }: SagaEvent): string {
  const parts = new Map<string, unknown>(Object.entries(data));
  const words = ['step', 'direction', 'attempt', 'cause', 'rule', 'reason'].map((key) => parts.get(key)).filter(isWord);
  const again = type === 'saga.step_failed' ? [data.retryAt === null ? 'for good' : 'again'] : [];
  return [type.replace('saga.', ''), ...words, ...again].join(' ');
}

const isWord = (part: unknown): part is string | number =>
  typeof part === 'number' || (typeof part === 'string' && part !== '');

/** A trip after these answers. */
export function begun(...answers: string[]): TripRun {
  const trip = new TripRun();
  trip.receive('trip.asked', { days: 3 });
  for (const type of answers) trip.receive(type, type === 'flight.booked' ? { seat: '7A' } : {});
  return trip;
}
