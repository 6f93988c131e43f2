import { expect } from 'chai';
import type { StoredEvent } from '../../../src/store/stored-event.js';
import type { ReadRecord } from './read-topic.js';

/** Checks what a reader of committed records has seen of one service: every position of `events` once, the records of a
 *  subject in one partition and in the order of its store. Offsets rise within a partition. */
export function checkRecords(records: readonly ReadRecord[], events: readonly StoredEvent[]): void {
  const positions = records.map(({ position }) => position).sort((a, b) => a - b);
  const repeated = positions.filter((position, index) => position === positions[index - 1]);
  const seen = new Set(positions);
  const missing = events.map(({ position }) => position).filter((position) => !seen.has(position));
  expect({ repeated, missing }).to.deep.equal({ repeated: [], missing: [] });
  expect(positions).to.have.length(events.length);

  const last = new Map<string, ReadRecord>();
  for (const record of [...records].sort((a, b) => a.partition - b.partition || a.offset - b.offset)) {
    const before = last.get(record.event.subject);
    last.set(record.event.subject, record);
    expect(record.key).to.equal(record.event.subject);
    if (before === undefined) continue;
    const where = `${record.event.subject}: ${before.position} at ${before.offset}, ${record.position} at ${record.offset}`;
    expect(record.partition, `one partition; ${where}`).to.equal(before.partition);
    expect(record.position, `order; ${where}`).to.be.above(before.position);
  }
}

/** Checks what a source has stored of the events: each once, and in the order of its subject. */
export function checkMirror(mirrored: readonly StoredEvent[], events: readonly StoredEvent[]): void {
  const causes = mirrored.map(({ event }) => event.causationid ?? '');
  const seen = new Set(causes);
  const missing = events.filter(({ id }) => !seen.has(id)).map(({ position }) => position);
  expect({ missing, repeated: causes.length - seen.size }).to.deep.equal({ missing: [], repeated: 0 });
  const orderOf = (all: readonly StoredEvent[], id: (event: StoredEvent) => string | undefined) => {
    const subjects: Record<string, (string | undefined)[]> = {};
    for (const event of all) (subjects[event.stream] ??= []).push(id(event));
    return subjects;
  };
  expect(orderOf(mirrored, ({ event }) => event.causationid)).to.deep.equal(orderOf(events, ({ id }) => id));
}
