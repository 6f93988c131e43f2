/** Points at which a test can end the process as `kill -9` would. An unarmed failpoint costs one comparison. */
export type Failpoint =
  | 'store.committed' // appended, not yet published
  | 'store.archive_copied' // copied to the archive, not yet deleted from the store
  | 'store.archived' // one batch deleted from the store, the next not yet copied
  | 'broker.message_moved' // a message of a retired queue confirmed in its successor, not yet acked
  | 'broker.queue_emptied' // every message of a retired queue moved, the queue not yet deleted
  | 'relay.published' // published, not yet confirmed
  | 'relay.confirmed' // confirmed, checkpoint not yet moved
  | 'worker.handled' // handler returned, not yet committed
  | 'worker.committed' // committed, not yet acked
  | 'worker.retry_confirmed' // copy in the retry queue confirmed, original not yet acked
  | 'worker.dead_confirmed' // copy in the dead letters confirmed, original not yet acked
  | 'worker.parked' // row of a message behind another one committed, the message not yet acked
  | 'worker.parked_retry' // row of a failed message committed, the message not yet acked
  | 'worker.held' // dead letter confirmed and its subject held, the message not yet acked
  | 'worker.unparked' // row of a settled message deleted, its turn not yet passed on
  | 'partitions.begun' // change of the number of partitions stored, nothing declared yet
  | 'partitions.declared' // new partitions declared, not yet bound
  | 'partitions.bound' // new partitions bound in addition to the old ones
  | 'partitions.unbound' // old partitions unbound, no marker published yet
  | 'partitions.marked' // a marker confirmed, others perhaps not yet
  | 'partitions.passed' // passage of an old partition stored, its marker not yet acked
  | 'partitions.completed' // new number of partitions stored, the old queues not yet deleted
  | 'partitions.deleting' // exchange of the old partitions deleted, their queues not yet
  | 'worker.quarantine_stored' // row of a quarantined message committed, its copy not yet published
  | 'worker.quarantine_confirmed' // copy in the quarantine confirmed, original not yet acked
  | 'worker.quarantine_removed' // row of a released message deleted, the message not yet acked
  | 'worker.quarantine_recorded' // rows of messages without one added, rows without a message not yet deleted
  | 'quarantine.copied' // message of a command confirmed at its target, row not yet deleted
  | 'quarantine.removed' // row of a rejected message deleted, the message not yet acked
  | 'saga.advanced' // decided and written, not yet committed
  | 'journal.committed' // a batch of the log committed together with its checkpoint
  | 'journal.filled' // a batch from a store committed, the rest of the gap still missing
  | 'keeper.kept' // dead letter committed, not yet acked
  | 'projection.applied' // a batch's handlers ran and the checkpoint moved, not yet committed
  | 'projection.committed' // a batch committed
  | 'projection.rebuilt' // the new model is complete, not yet swapped
  | 'projection.swapped' // swapped, the old tables not yet dropped
  | 'windows.applied' // state, results and position written, not yet committed
  | 'windows.committed' // a transaction of windows committed
  | 'replay.confirmed' // history sent and confirmed, checkpoint not yet stored
  | 'topology.message_moved' // a message of an abandoned queue confirmed elsewhere, not yet acked
  | 'kafka.sink_published' // a transaction committed in Kafka, nothing of it yet known to the store
  | 'kafka.source_committed' // records and their offset committed in the store, the offset not yet in the group
  | 'dead_letter.replayed'; // replay confirmed, not yet marked done

let armed: { name: string; remaining: number } | undefined;

/** Arms a failpoint by `name:n`: the process kills itself when it reaches the point for the n-th time. Only the
 *  command line calls this. */
export function armFailpoint(spec: string): void {
  const [name = '', count = '1'] = spec.split(':');
  armed = { name, remaining: Number(count) };
}

/** Ends the process with SIGKILL if this point is armed and its count is reached. */
export function failpoint(name: Failpoint): void {
  if (armed === undefined || armed.name !== name) return;
  armed.remaining -= 1;
  if (armed.remaining <= 0) process.kill(process.pid, 'SIGKILL');
}
