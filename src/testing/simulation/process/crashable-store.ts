import type { Store } from '../../../store/store.js';
import type { CrashableProcess, RunState } from '../run-state.js';
import type { Service } from './service.js';

/** The store of a process that can crash: after the crash, none of its promises settles. Counts the commits of
 *  handlings, and records the events that they append. */
export function crashableStore(service: Service, process: CrashableProcess, { handling }: RunState): Store {
  const { store } = service;
  return {
    service: store.service,
    id: store.id,
    transaction: (work, options) =>
      process.commit(() => store.transaction(service.noting(work, handling.getStore()?.appended), options)),
    markHandled: (...args) => process.commit(() => store.markHandled(...args)),
    append: (...args) => process.guard(() => store.append(...args)),
    read: (...args) => process.guard(() => store.read(...args)),
    readAll: (...args) => process.guard(() => store.readAll(...args)),
    event: (...args) => process.guard(() => store.event(...args)),
    snapshot: (...args) => process.guard(() => store.snapshot(...args)),
    streamMetadata: (...args) => process.guard(() => store.streamMetadata(...args)),
    setStreamMetadata: (...args) => process.guard(() => store.setStreamMetadata(...args)),
    archive: (...args) => process.guard(() => store.archive(...args)),
    applyRetention: (...args) => process.guard(() => store.applyRetention(...args)),
    head: () => process.guard(() => store.head()),
    query: (text, ...values) => process.guard(() => store.query(text, ...values)),
    peek: (text, ...values) => process.guard(() => store.peek(text, ...values)),
    handled: (...args) => process.guard(() => store.handled(...args)),
    recordStart: (...args) => process.guard(() => store.recordStart(...args)),
    clearStarts: (...args) => process.guard(() => store.clearStarts(...args)),
    purgeInbox: (...args) => process.guard(() => store.purgeInbox(...args)),
    checkpoint: (...args) => process.guard(() => store.checkpoint(...args)),
    moveLeasedCheckpoint: (...args) => process.guard(() => store.moveLeasedCheckpoint(...args)),
    acquireLease: (...args) => process.guard(() => store.acquireLease(...args)),
    lockLease: (name) => store.lockLease(name),
    releaseLease: (...args) => process.guard(() => store.releaseLease(...args)),
    isLeaseHeld: (...args) => process.guard(() => store.isLeaseHeld(...args)),
    fireTimers: (...args) => process.guard(() => store.fireTimers(...args)),
    nextTimer: () => process.guard(() => store.nextTimer()),
    onAppend: (listener) => store.onAppend(listener),
    onNotify: (topic, listener) => store.onNotify(topic, () => process.notify(topic, listener)),
    migrate: (...args) => process.guard(() => store.migrate(...args)),
    stats: () => process.guard(() => store.stats()),
    health: () => store.health(),
    probe: () => process.guard(() => store.probe()),
    close: () => process.guard(() => store.close()),
  };
}
