import type { BrokerState, OutgoingMessage, Publisher } from '../../../src/broker/broker.js';
import { HEADERS, textHeader } from '../../../src/broker/messages/headers.js';
import { StateCell } from '../../../src/broker/broker-state.js';
import { FlotillaError } from '../../../src/errors.js';

/** The fate of a message at a fake broker. `lost`: it never arrives, and the channel breaks. `late`: it arrives, and
 *  the channel breaks before the confirm. `silent`: it arrives, and is confirmed only when the test does so. */
export type Fate = 'confirm' | 'nack' | 'return' | 'lost' | 'late' | 'timeout' | 'silent';

interface Pending {
  message: OutgoingMessage;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** The subject in the headers of a message. */
export function subjectOf({ properties }: OutgoingMessage): string | undefined {
  return textHeader(properties.headers ?? {}, HEADERS.subject);
}

/** A broker whose responses a test decides, one message per event-loop tick, in order. */
export function createFakeBroker(fateOf: (message: OutgoingMessage) => Fate) {
  const state = new StateCell();
  state.set('ready');
  const arrived: OutgoingMessage[] = [];
  const pending: Pending[] = [];
  const silent: Pending[] = [];
  const violations: string[] = [];
  let resets = 0;

  const failAll = (error: Error) => {
    for (const each of [...pending.splice(0), ...silent.splice(0)]) each.reject(error);
  };

  function work(): void {
    const next = pending.shift();
    if (next === undefined) return;
    const fate = fateOf(next.message);
    if (fate !== 'lost' && fate !== 'nack' && fate !== 'return') arrived.push(next.message);
    if (fate === 'confirm') next.resolve();
    else if (fate === 'nack') next.reject(new FlotillaError('broker.nacked'));
    else if (fate === 'return') next.reject(new FlotillaError('broker.returned'));
    else if (fate === 'timeout') next.reject(new FlotillaError('broker.timeout'));
    else if (fate === 'silent') silent.push(next);
    else {
      next.reject(new FlotillaError('broker.disconnected'));
      failAll(new FlotillaError('broker.disconnected'));
    }
    if (pending.length > 0) setImmediate(work);
  }

  const publisher: Publisher = {
    get state(): BrokerState {
      return state.value;
    },
    publish: (message) =>
      new Promise((resolve, reject) => {
        for (const other of [...pending, ...silent]) {
          if (subjectOf(other.message) === subjectOf(message)) violations.push(subjectOf(message) ?? 'none');
        }
        if (pending.length === 0) setImmediate(work);
        pending.push({ message, resolve, reject });
      }),
    reset: () => {
      resets += 1;
      failAll(new FlotillaError('broker.disconnected'));
    },
    ready: (signal) => state.until(['ready'], signal),
    close: () => Promise.resolve(),
  };

  return {
    createPublisher: () => publisher,
    /** The messages that arrived, in order. */
    arrived,
    /** Subjects with two unconfirmed messages at the same time. */
    violations,
    state,
    get resets() {
      return resets;
    },
    get silent() {
      return silent.length;
    },
    confirmSilent: () => {
      for (const each of silent.splice(0)) each.resolve();
    },
  };
}
