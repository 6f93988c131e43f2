import { newId } from '../../src/events/ids.js';
import type { UnsequencedEvent } from '../../src/events/envelope.js';

/** An event of this stream; `over` overrides the generated attributes. */
export function eventOf(subject: string, over: Partial<UnsequencedEvent> = {}): UnsequencedEvent {
  const id = over.id ?? newId();
  const type = over.type ?? 'order.created';
  return {
    specversion: '1.0',
    id,
    source: 'core',
    type,
    subject,
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    dataschema: `urn:flotilla:${type}:1`,
    correlationid: id,
    data: { total: 5 },
    ...over,
  };
}

/** The code of the error of a rejected promise, `undefined` if it has none; 'resolved' when the promise resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return 'resolved';
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : undefined;
  }
}
