import { redact } from './text/redact.js';

/** What happens to failed work: it is retried, it is rejected permanently, or the process exits. */
export type Disposal = 'retry' | 'reject' | 'fatal';

interface ErrorSpec {
  disposal: Disposal;
  /** States the problem; the details of the individual failure are appended. */
  message: string;
  /** States what to do, in one sentence. */
  remedy: string;
}

/** The registry of all errors. Codes are stable: alerts and dead letter searches depend on them. */
export const errors = {
  // messages that do not match the catalogue
  'contract.not_json': {
    disposal: 'reject',
    message: 'The body is not JSON',
    remedy: 'Publish the message as JSON; edit the dead letter to correct this one.',
  },
  'contract.content_type': {
    disposal: 'reject',
    message: 'The message is neither application/cloudevents+json nor JSON with the attributes of an event in headers',
    remedy: 'Publish with the content type application/cloudevents+json, or with the event attributes in headers.',
  },
  'contract.not_an_event': {
    disposal: 'reject',
    message: 'The body is JSON, but no CloudEvents 1.0 event',
    remedy: 'Publish with the required attributes: id, source, type, specversion, time, subject and dataschema.',
  },
  'contract.too_large': {
    disposal: 'reject',
    message: 'The body is larger than this fleet takes',
    remedy: 'Publish less data, for example a reference to a stored document.',
  },
  'contract.unknown_type': {
    disposal: 'reject',
    message: 'No such event type in the catalogue',
    remedy:
      'Correct the type, or add it to the catalogue and deploy the worker; quarantined messages are then released.',
  },
  'contract.unverified_source': {
    disposal: 'reject',
    message: 'The AMQP user that published the message may not publish events of its source',
    remedy: 'Publish as a user of the source, or allow the user in AMQP_USERS.',
  },
  'contract.newer_version': {
    disposal: 'reject',
    message: 'The event has a newer schema version than this worker reads',
    remedy:
      'Deploy the worker with the newer schema and a handler of that version; quarantined messages are then released. ' +
      'Replay dead letters.',
  },
  'contract.retired_version': {
    disposal: 'reject',
    message: 'The event has a schema version that the catalogue no longer has',
    remedy: 'Add the version and its upcaster to the catalogue again, deploy the worker, then replay the dead letter.',
  },
  'contract.invalid_data': {
    disposal: 'reject',
    message: 'The data does not fit the schema of its type',
    remedy:
      'Correct the data; `flotilla events types <type>` lists its fields. For a dead letter, also correct its publisher, ' +
      'then edit and replay it.',
  },
  'contract.upcast_failed': {
    disposal: 'reject',
    message: 'An upcaster cannot convert the data to the newest version',
    remedy: 'Correct the upcaster, and add the data to the samples of their version.',
  },
  'contract.unsigned': {
    disposal: 'reject',
    message: 'The message is not signed with a key of this fleet',
    remedy: 'Check FLEET_KEY of the publisher, or allow the source by `fromOutside`.',
  },
  'contract.foreign_source': {
    disposal: 'reject',
    message: 'No part of this service declares that it emits the type',
    remedy: 'Add the type to `emits` of the publishing worker or API, or allow the source by `fromOutside`.',
  },
  'contract.foreign_topic': {
    disposal: 'reject',
    message: 'The message of a device came by a topic that the worker does not declare',
    remedy: 'Publish to one of the topics in `telemetry` of the worker.',
  },
  'contract.undeclared_emit': {
    disposal: 'reject',
    message: 'The type is not declared by the worker or route that emits it',
    remedy: 'Add the type to `emits` of the worker or of the route, or emit another type.',
  },
  'contract.no_sequence': {
    disposal: 'reject',
    message: 'The event has no sequence, and the worker handles events by their sequence',
    remedy: "Append the event to the store of a service, which numbers it, or order the worker by 'subject'.",
  },
  'contract.no_handler': {
    disposal: 'reject',
    message: 'The worker has no handler for this type',
    remedy: 'Add a handler, or remove the binding with `flotilla topology apply`.',
  },
  'contract.duplicate_type': {
    disposal: 'fatal',
    message: 'The catalogue declares this type twice',
    remedy: 'Rename one of the two types.',
  },
  'contract.bad_type_name': {
    disposal: 'fatal',
    message: 'An event type is two or three dotted lower-case segments',
    remedy: 'Rename the type, for example to order.created.',
  },
  'contract.bad_schema': {
    disposal: 'fatal',
    message: 'A schema of a message changes data, or has a check without a name',
    remedy: 'Replace the part that the message names.',
  },
  'contract.bad_schema_file': {
    disposal: 'fatal',
    message: 'A committed schema cannot be read',
    remedy: 'Restore the file from version control.',
  },
  'contract.bad_versions': {
    disposal: 'fatal',
    message: 'The versions of a type must be consecutive, and each but the latest needs an upcaster',
    remedy: 'Add or remove the version or upcaster that the message names.',
  },
  'contract.bad_readable_from': {
    disposal: 'fatal',
    message: 'readableFrom must map a version of the type to an earlier one',
    remedy: 'Correct or remove the entry of readableFrom that the message names.',
  },

  // the store
  'store.conflict': {
    disposal: 'retry',
    message: 'The stream is not at the expected version',
    remedy: 'Read the aggregate again and retry the command.',
  },
  'store.missing': {
    disposal: 'fatal',
    message: 'The store does not exist here',
    remedy: 'Start the fleet, or run the command on the machine of the stores; check DATA_DIR and DATABASE_URL.',
  },
  'store.moved': {
    disposal: 'fatal',
    message: 'A file of the store was removed or replaced while it was in use',
    remedy: 'Restore the file to its place, then restart the process.',
  },
  'store.replaced': {
    disposal: 'fatal',
    message: 'The file is not the store that this service had',
    remedy: 'Restore the original file, or accept the present one with `flotilla stores accept`.',
  },
  'store.behind': {
    disposal: 'reject',
    message: 'The store lacks events that the journal has; an older copy of it was restored',
    remedy: 'Restore the newest copy of the store, or accept the loss with `flotilla stores accept`.',
  },
  'store.damaged': {
    disposal: 'fatal',
    message: 'A file of the store is damaged',
    remedy: 'Restore the store from a backup.',
  },
  'store.closed': {
    disposal: 'retry',
    message: 'The store is closed',
    remedy: 'Retry; the process that owns the store is stopping.',
  },
  'store.busy': {
    disposal: 'retry',
    message: 'Another process held the write lock for too long',
    remedy: 'Retry; if it persists, find the process with an open transaction by `fuser -v <file>` and end it.',
  },
  'store.full': {
    disposal: 'retry',
    message: 'The disk of the store is full',
    remedy: 'Free disk space; acknowledged data is safe.',
  },
  'store.io': {
    disposal: 'retry',
    message: 'The store could not read or write its file',
    remedy: 'Check the disk and the permissions of DATA_DIR.',
  },
  'store.sync_failed': {
    disposal: 'fatal',
    message: 'The disk failed to sync the store; commits since the last sync may be lost',
    remedy: 'Check the disk, then restart the process.',
  },
  'store.group_aborted': {
    disposal: 'retry',
    message: 'The transaction was rolled back with its group',
    remedy: 'Retry the command.',
  },
  'store.predecessor_failed': {
    disposal: 'retry',
    message: 'The change on which this one depends was rolled back',
    remedy: 'Retry the command after the one before it.',
  },
  'store.write_awaited': {
    disposal: 'reject',
    message: 'A write awaited something other than its transaction',
    remedy: 'Do slow work in `ctx.call`, before the write.',
  },
  'store.revoked': {
    disposal: 'reject',
    message: 'The transaction is over; nothing may use it any more',
    remedy: 'Use the transaction only inside the function that received it, and await every statement.',
  },
  'store.overloaded': {
    disposal: 'retry',
    message: 'Too much waits to be written',
    remedy: 'Retry later; reduce the rate of writes if it persists.',
  },
  'store.archive_missing': {
    disposal: 'retry',
    message: 'Events of this store are in its archive file, which is not there or not whole',
    remedy: 'Restore the archive file beside the store.',
  },
  'store.migration_changed': {
    disposal: 'fatal',
    message: 'A migration that already ran was changed',
    remedy: 'Undo the change and add a new migration.',
  },

  // the broker
  'broker.returned': {
    disposal: 'retry',
    message: 'No queue takes this message',
    remedy: 'Run `flotilla topology apply`.',
  },
  'broker.nacked': {
    disposal: 'retry',
    message: 'The broker refused the message',
    remedy: 'Check the disk and memory alarms of the broker; the message is published again.',
  },
  'broker.unencodable': {
    disposal: 'reject',
    message: 'AMQP cannot carry the message: headers over 64 KiB, or a property or routing key over 255 bytes',
    remedy: 'Use shorter headers, types and subjects.',
  },
  'broker.timeout': {
    disposal: 'retry',
    message: 'The broker did not confirm in time; it may have the message',
    remedy: 'Check the load of the broker; the message is published again.',
  },
  'broker.disconnected': {
    disposal: 'retry',
    message: 'The connection dropped before the confirm; it may have the message',
    remedy: 'Check the broker and the network; the message is published again.',
  },
  'broker.closed': {
    disposal: 'retry',
    message: 'The broker connection is closed for good',
    remedy: 'Restart the process.',
  },
  'broker.not_configured': {
    disposal: 'fatal',
    message: 'No broker is configured',
    remedy: 'Set AMQP_URL, or start the fleet in this folder: `flotilla up`.',
  },
  'broker.unreachable': {
    disposal: 'retry',
    message: 'The broker cannot be reached',
    remedy: 'Start the broker, and check AMQP_URL and the network.',
  },
  'broker.not_started': {
    disposal: 'retry',
    message: 'The private broker did not start',
    remedy: 'Read the log that the message names, then start the fleet again.',
  },
  'broker.data_version': {
    disposal: 'fatal',
    message: "Another version of RabbitMQ wrote the broker's data",
    remedy: 'Install the version of RabbitMQ that wrote the data, or run `flotilla up --set-broker-aside`.',
  },
  'broker.not_recoverable': {
    disposal: 'fatal',
    message: 'The stores cannot prove that they hold everything that is in the broker; nothing was changed',
    remedy: 'Install the version of RabbitMQ that wrote the data and empty its queues first.',
  },
  'broker.unknown_host': {
    disposal: 'retry',
    message: 'The broker has a host name that is not known',
    remedy: 'Check the host name in AMQP_URL.',
  },
  'broker.refused_connection': {
    disposal: 'retry',
    message: 'Nothing listens where the broker should be',
    remedy: 'Start the broker (`flotilla up` starts one with the fleet), or check the port in AMQP_URL.',
  },
  // retried although an operator must fix them: one restarting process must not stop the whole fleet
  'broker.refused_credentials': {
    disposal: 'retry',
    message: 'The broker refused the user or the password',
    remedy: 'Check the user and the password in AMQP_URL.',
  },
  'broker.no_vhost': {
    disposal: 'retry',
    message: 'The virtual host does not exist, or the user has no permission for it',
    remedy: 'Create the virtual host, grant the user permissions for it, or check AMQP_URL.',
  },
  'broker.tls': {
    disposal: 'retry',
    message: 'The broker and this process cannot agree on TLS',
    remedy: 'Check the scheme in AMQP_URL (amqp or amqps) and the certificates.',
  },
  'broker.not_amqp': {
    disposal: 'retry',
    message: 'Something other than an AMQP broker answers',
    remedy:
      'If AMQP_URL is set, check its port (AMQP uses 5672, with TLS 5671). Otherwise another program has taken the port ' +
      'of the broker: `lsof -nP -iTCP:5672 -sTCP:LISTEN` names it; end or move it.',
  },
  'broker.topology_conflict': {
    disposal: 'fatal',
    message: 'The broker has this with other arguments that cannot be changed',
    remedy: 'Compare with `flotilla topology plan`, empty and delete the object, then run `flotilla topology apply`.',
  },
  'partitions.moving': {
    disposal: 'reject',
    message: 'Another change of the number of partitions is under way',
    remedy: 'Complete it with `flotilla order partitions set` and its number of partitions, then run this again.',
  },
  'partitions.busy': {
    disposal: 'reject',
    message: 'Another command changes the number of partitions',
    remedy: 'Wait until it has ended, then run this again.',
  },
  'partitions.waiting': {
    disposal: 'retry',
    message: 'Not all old partitions have been emptied in time',
    remedy:
      'No message is lost: new ones wait in the new partitions. Check with `flotilla status` that the worker runs and is not ' +
      'paused, then run the same command again to continue.',
  },
  'partitions.in_use': {
    disposal: 'retry',
    message: 'A process still consumes an old partition',
    remedy: 'Stop the processes of the worker that do not respond, then run the same command again.',
  },
  'partitions.total': {
    disposal: 'reject',
    message: 'A worker with a total order has one partition',
    remedy: "To have several, change its `ordering` to 'subject' first.",
  },
  'subject.no_source': {
    disposal: 'reject',
    message: 'The worker handles the events of each source of the subject separately',
    remedy: 'Name the service with `--source`.',
  },
  'subject.not_held': {
    disposal: 'reject',
    message: 'The subject is not held',
    remedy: '`flotilla subject list` shows which subjects are held.',
  },
  'worker.not_ordered': {
    disposal: 'reject',
    message: 'The worker handles messages in no particular order',
    remedy: 'Name a worker with `ordering`; no message of others waits behind another one.',
  },
  'topology.in_use': {
    disposal: 'reject',
    message: 'A queue has consumers',
    remedy: 'Stop the processes of the worker, and restart the keeper.',
  },
  'topology.fleet_runs': {
    disposal: 'reject',
    message: 'A process of the fleet runs',
    remedy: 'Stop all processes of the fleet, also on other machines, then run this again.',
  },
  'topology.breaks_order': {
    disposal: 'reject',
    message: 'The worker handles messages in order, and would get earlier ones after later ones',
    remedy:
      'Start the old worker again until its queues are empty, then remove them. Without --to, the messages become unrouted messages.',
  },
  'topology.no_room': {
    disposal: 'reject',
    message: 'The unrouted messages have no room left and would drop their oldest',
    remedy: 'Replay unrouted messages, raise UNROUTED_MAX, or name a worker with --to.',
  },
  'topology.not_found': {
    disposal: 'reject',
    message: 'No worker of this name has left queues behind',
    remedy: 'List the surplus queues with `flotilla topology plan`.',
  },
  'broker.topology_incomplete': {
    disposal: 'retry',
    message: 'A part of the topology is missing and cannot be declared now',
    remedy: 'Check that a majority of the broker nodes runs.',
  },
  'broker.not_permitted': {
    disposal: 'fatal',
    message: 'The AMQP user may not do this',
    remedy:
      'Let an operator apply the topology, or run the commands that `flotilla topology permissions --user <name>` prints.',
  },
  'broker.no_answer': {
    disposal: 'retry',
    message: 'A queue does not answer',
    remedy: 'Check that the node of the queue runs.',
  },
  'broker.management': {
    disposal: 'retry',
    message: 'The management API did not answer as expected',
    remedy: 'Check AMQP_MANAGEMENT_URL and that the management plugin is enabled.',
  },

  // workers
  'worker.timeout': {
    disposal: 'retry',
    message: 'The handler took longer than its timeout',
    remedy: 'Make the handler faster, or raise `timeout` of the worker.',
  },
  'worker.handlers_abandoned': {
    disposal: 'retry',
    message: 'Too many handlers never returned; the process ends to release their resources',
    remedy: 'Pass `ctx.signal` to every call that the handler awaits.',
  },
  'worker.revoked': {
    disposal: 'reject',
    message: 'The context is revoked: the handler has timed out or returned',
    remedy: 'Await every call of the context before the handler returns.',
  },
  'worker.crash_loop': {
    disposal: 'reject',
    message: 'The process ended several times while handling this message',
    remedy: 'Find the cause of the exits in the log of the worker, fix it, then replay the dead letter.',
  },
  'worker.sequence_gap': {
    disposal: 'reject',
    message: 'Earlier events of the same source and subject are missing',
    remedy:
      'Find out why they did not arrive: `flotilla subject show` lists them, and the worker must bind every type of the subject. When they arrive, their subject continues; `flotilla subject release` continues without them.',
  },
  'worker.behind_quarantined': {
    disposal: 'reject',
    message: 'An earlier message of the same subject is quarantined',
    remedy: 'Deploy the worker with the newer schema; the messages of the subject are then released in order.',
  },
  'worker.unavailable': {
    disposal: 'retry',
    message: 'A dependency is not available',
    remedy: 'Restore the dependency; the worker retries by itself.',
  },
  'worker.side_effect_refused': {
    disposal: 'reject',
    message: 'A replay without side effects reached a call with a side effect',
    remedy: 'Replay with --side-effects, or check `ctx.sideEffects` in the handler.',
  },
  'worker.order_changed': {
    disposal: 'fatal',
    message: 'Messages of the worker are handled in another order than that of its definition',
    remedy:
      'Start the version with the former `ordering` until `flotilla subject list` shows no messages of the worker. Stop all of its replicas, then start this one.',
  },
  'worker.broker_changed': {
    disposal: 'fatal',
    message: 'The ordered worker has handled messages in another broker, and some may wait there',
    remedy:
      'Stop the fleet, then run `flotilla topology refill --yes`, or `flotilla up --refill` if `up` starts the broker: it sends again what ' +
      'the workers have not handled. If nothing waits in the former broker: `flotilla topology refill --drained`.',
  },
  'worker.bad_definition': {
    disposal: 'fatal',
    message: 'Invalid worker definition',
    remedy: 'Correct the definition as the message explains.',
  },
  'worker.handler_failed': {
    disposal: 'retry',
    message: 'The handler threw',
    remedy: 'Find the cause in the attempts of the dead letter, fix it, then replay.',
  },
  'worker.permanent': {
    disposal: 'reject',
    message: 'The handler says that trying again is of no use',
    remedy: 'Correct the message or the handler, then edit or replay the dead letter.',
  },

  // sagas
  'saga.not_found': { disposal: 'reject', message: 'No such saga', remedy: 'Find the id with `flotilla sagas list`.' },
  'saga.bad_definition': {
    disposal: 'fatal',
    message: 'Invalid saga definition',
    remedy: 'Correct the definition as the message explains.',
  },
  'saga.unknown_step': {
    disposal: 'retry',
    message: 'The saga waits for a step that its definition does not declare',
    remedy: 'Deploy a definition with the step, then replay the dead letter or retry the saga.',
  },
  'saga.refused': {
    disposal: 'reject',
    message: "Operation not allowed in the saga's current state",
    remedy: 'Show the allowed actions with `flotilla sagas show`.',
  },

  // projections
  'projection.not_found': {
    disposal: 'reject',
    message: 'No such projection',
    remedy: 'List the names with `flotilla projections list`.',
  },
  'projection.bad_definition': {
    disposal: 'fatal',
    message: 'Invalid projection definition',
    remedy: 'Correct the definition as the message explains.',
  },
  'projection.conflict': {
    disposal: 'retry',
    message: 'Another process has moved the checkpoint of the projection',
    remedy: 'Wait; the process that holds the lease continues.',
  },
  'projection.poison': {
    disposal: 'reject',
    message: 'The projection cannot take an event',
    remedy:
      'If its tables were changed from outside (no such table, no such column), use `flotilla projections rebuild`; ' +
      'otherwise fix the projection and restart its worker, or skip the event with `flotilla projections skip`.',
  },
  'projection.not_stopped': {
    disposal: 'reject',
    message: 'The projection is not stopped at an event',
    remedy: 'Show its state with `flotilla projections show`.',
  },
  'projection.outdated': {
    disposal: 'reject',
    message: 'The read model was made by another version of its projection',
    remedy: 'Rebuild it with `flotilla projections rebuild`.',
  },
  'projection.rebuilding': {
    disposal: 'reject',
    message: 'Another process rebuilds the projection',
    remedy: 'Wait for the other rebuild to end, or stop it.',
  },

  // windows
  'windows.bad_definition': {
    disposal: 'fatal',
    message: 'Invalid window definition',
    remedy: 'Correct the definition.',
  },
  'windows.changed': {
    disposal: 'fatal',
    message: 'The window definition differs from that of the stored state',
    remedy: 'Increment its version; the new version starts with empty state beside the old one.',
  },
  'windows.time_ahead': {
    disposal: 'reject',
    message: 'The time of the event is more than 5 minutes ahead of the clock',
    remedy: 'Correct the clock of the publisher.',
  },
  'windows.bad_time': {
    disposal: 'reject',
    message: 'The event time is not a time',
    remedy: 'Correct `time` of the window definition, or validate the data where it is published.',
  },
  'windows.bad_key': {
    disposal: 'reject',
    message: 'The key of the event is not one line of 1 to 256 characters',
    remedy: 'Correct `key` of the window definition, or validate the data where it is published.',
  },
  'windows.split_failed': {
    disposal: 'reject',
    message: 'The window definition cannot split the event into parts',
    remedy: 'Correct `split` of the window definition with a new version.',
  },
  'windows.bad_part_id': {
    disposal: 'reject',
    message: 'The id of a part is not one line of 1 to 256 characters',
    remedy: 'Correct `split` of the window definition, or validate the data where it is published.',
  },
  'windows.fold_failed': {
    disposal: 'reject',
    message: 'The window definition cannot take the event: its key or its fold failed',
    remedy: 'Correct the definition with a new version, or validate the data where it is published.',
  },

  'windows.not_found': {
    disposal: 'reject',
    message: 'The windows have no state',
    remedy: 'Start the worker of the window definition first; list them with `flotilla windows list`.',
  },
  'windows.frozen': {
    disposal: 'retry',
    message: 'Another process rewinds the windows',
    remedy: 'Wait for the other rewind to end; a freeze whose process has ended lasts 30 seconds.',
  },
  'windows.history_trimmed': {
    disposal: 'reject',
    message: 'Not all events of these windows are left',
    remedy:
      'Rewind to a later time. For the future, raise STREAM_MAX_BYTES or STREAM_MAX_AGE, or the retention of the topics.',
  },
  'windows.history_compacted': {
    disposal: 'reject',
    message: 'A topic of these windows is compacted, so that it lacks earlier events of its keys',
    remedy: 'Compute windows that are to be rewound over topics with cleanup.policy=delete.',
  },
  'windows.rewind_too_large': {
    disposal: 'reject',
    message: 'The rewind has more than 500,000 panes',
    remedy: 'Rewind to a later time.',
  },

  // the log, the journal and replays
  'log.gap': {
    disposal: 'retry',
    message: 'Unread entries were trimmed from the log',
    remedy: 'Raise STREAM_MAX_BYTES or STREAM_MAX_AGE; backfill the worker with `flotilla replay --from journal`.',
  },
  'log.reset': {
    disposal: 'retry',
    message: 'The stream was recreated; unread entries are lost',
    remedy: 'Backfill the worker with `flotilla replay --from journal`.',
  },
  'journal.not_found': {
    disposal: 'reject',
    message: 'No such event',
    remedy: 'Find the id with `flotilla events list`.',
  },
  'log.unreachable': {
    disposal: 'retry',
    message: 'The log cannot be read',
    remedy: 'Check the broker and the stream `events.log`.',
  },
  'replay.refused': {
    disposal: 'reject',
    message: 'This cannot be replayed',
    remedy: 'Change the options as the message explains.',
  },
  'replay.held_up': {
    disposal: 'retry',
    message: 'The queue of the worker does not drain',
    remedy: 'Check that the worker runs, then resume with `flotilla replay --resume`.',
  },
  'replay.not_found': {
    disposal: 'reject',
    message: 'No such replay',
    remedy: 'List the replays with `flotilla replay --list`.',
  },

  // other services
  'http.bad_answer': {
    disposal: 'retry',
    message: 'The answer to an HTTP request cannot be used',
    remedy: 'Check the URL and the service behind it.',
  },

  // the fleet and its configuration
  'name.unknown': {
    disposal: 'reject',
    message: 'Unknown name',
    remedy: 'Use one of the names that the message lists.',
  },
  'name.invalid': { disposal: 'reject', message: 'Not a valid name', remedy: 'Choose a name as the message explains.' },
  'folder.not_empty': {
    disposal: 'reject',
    message: 'The folder is not empty',
    remedy: 'Choose an empty or new folder.',
  },
  'node.unsupported': {
    disposal: 'fatal',
    message: 'This Node.js is too old',
    remedy: 'Install a supported version of Node.js.',
  },
  'config.invalid': {
    disposal: 'fatal',
    message: 'The configuration is not valid',
    remedy: 'Correct the variable that the message names.',
  },
  'fleet.running': {
    disposal: 'fatal',
    message: 'A fleet runs here already',
    remedy: 'Stop the other fleet, or use another DATA_DIR.',
  },
  'fleet.prefix_taken': {
    disposal: 'fatal',
    message: 'Another fleet uses this prefix on this broker',
    remedy: 'Set another FLOTILLA_PREFIX, or stop the other fleet and run `flotilla topology take-over`.',
  },
  'fleet.invalid': {
    disposal: 'fatal',
    message: 'The fleet does not fit together',
    remedy: 'Correct config/fleet as the message explains.',
  },
  'fleet.stale': {
    disposal: 'fatal',
    message: 'Compiled code of the fleet is older than its source',
    remedy: 'Compile the fleet again.',
  },
  'fleet.key_mismatch': {
    disposal: 'fatal',
    message: 'Another process of this fleet signs with a key that this process does not have',
    remedy: 'Set the same FLEET_KEY in every process of the fleet.',
  },

  // simulation
  'simulation.failed': {
    disposal: 'fatal',
    message: 'A simulated run violates a promise',
    remedy: 'Run the printed counterexample again and correct the worker or the saga.',
  },
  'simulation.endless': {
    disposal: 'fatal',
    message: 'A simulated run does not end',
    remedy: 'Raise `limits` if the run is only long.',
  },
  'simulation.stuck': {
    disposal: 'fatal',
    message: 'A simulated run is stuck: it waits for something that never happens, or for real time',
    remedy: 'Remove waits for real time or for events that never arrive.',
  },

  // dead letters
  'dead_letter.not_found': {
    disposal: 'reject',
    message: 'No such dead letter',
    remedy: 'Find the id with `flotilla dead list`.',
  },
  'dead_letter.settled': {
    disposal: 'reject',
    message: 'The dead letter was already replayed or discarded',
    remedy: 'Show its audit with `flotilla dead show`.',
  },
  'dead_letter.busy': {
    disposal: 'retry',
    message: 'The dead letter was settled, or another run is replaying it',
    remedy: 'Check again in a minute.',
  },
  'dead_letter.closed': {
    disposal: 'reject',
    message: 'The aggregate of this command is closed',
    remedy: 'Discard the dead letter, or replay it with --force.',
  },
  'dead_letter.conflict': {
    disposal: 'reject',
    message: 'A message that reuses the id of a dead letter is never replayed',
    remedy: 'Discard the dead letter.',
  },
  'dead_letter.truncated': {
    disposal: 'reject',
    message: 'The body was too large to be stored in full',
    remedy: 'Replace the body with `flotilla dead edit`, or discard the dead letter.',
  },
  'dead_letter.unsigned': {
    disposal: 'reject',
    message: 'The message is not signed with a key of this fleet',
    remedy: 'Replay with --vouch if you know that the message is genuine.',
  },
  'dead_letter.refused': {
    disposal: 'reject',
    message: 'The dead letter cannot be replayed as it is',
    remedy: 'Edit the dead letter as the message explains, or replay it with --force.',
  },
  // Kafka
  'kafka.client_missing': {
    disposal: 'fatal',
    message: 'The Kafka client library is not installed',
    remedy: 'Install it, or choose another one by KAFKA_CLIENT.',
  },
  'kafka.unavailable': {
    disposal: 'retry',
    message: 'Kafka does not answer, or refuses the request',
    remedy: 'Check KAFKA_BROKERS and the brokers; sinks and sources retry by themselves.',
  },
  'kafka.denied': {
    disposal: 'retry',
    message: 'Kafka refuses the user of this process',
    remedy: 'Check KAFKA_USERNAME, KAFKA_PASSWORD and the access rules of the cluster.',
  },
  'kafka.fenced': {
    disposal: 'retry',
    message: 'Another sink with the same transactional id has started',
    remedy: 'Nothing is lost or repeated; run one fleet with this FLOTILLA_PREFIX for each Kafka cluster.',
  },
  'kafka.topic_missing': {
    disposal: 'retry',
    message: 'A topic or one of its partitions does not exist in Kafka',
    remedy: 'Run `flotilla kafka topics apply`.',
  },
  'kafka.record_too_large': {
    disposal: 'retry',
    message: 'A record is larger than its topic accepts',
    remedy: 'Raise `max.message.bytes` of the topic; the sink then continues.',
  },
  'kafka.position_lost': {
    disposal: 'retry',
    message: 'Kafka no longer has the position of the sink',
    remedy: 'Find the last published event, then run `flotilla kafka position <service> --set <position>`.',
  },
  'kafka.other_store': {
    disposal: 'retry',
    message: 'The position in Kafka belongs to another store, or to a later state of this store',
    remedy: 'Check which events the topics have, then run `flotilla kafka position <service> --set <position>`.',
  },
  'kafka.records_lost': {
    disposal: 'retry',
    message: 'Kafka has deleted records that the source had not read',
    remedy: 'Raise the retention of the topic, and publish the records again.',
  },
  'kafka.type_not_accepted': {
    disposal: 'reject',
    message: 'The source does not accept events of this type',
    remedy: 'Add the type to `types` of the source, or correct the producer.',
  },
  'kafka.too_many_rejected': {
    disposal: 'retry',
    message: 'Too many rejected records wait for a decision; the source pauses',
    remedy: 'Correct their cause, then run `flotilla kafka rejected retry` or `discard`.',
  },
} as const satisfies Record<string, ErrorSpec>;

/** A registered error code. */
export type ErrorCode = keyof typeof errors;

/** Whether the text is a registered error code. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errors, code);
}

/** An error raised by Flotilla. `code` is stable and registered in `errors`; `errors` has the remedy. */
export class FlotillaError extends Error {
  override readonly name = 'FlotillaError';
  readonly disposal: Disposal;
  /** What to do, in one sentence. */
  readonly remedy: string;

  constructor(
    readonly code: ErrorCode,
    detail?: string,
    options?: ErrorOptions,
  ) {
    const { message, disposal, remedy } = errors[code];
    super(detail === undefined ? `${message}.` : `${message}: ${detail}`, options);
    this.disposal = disposal;
    this.remedy = remedy;
  }
}

/** The message of an error, redacted, and what to do about it. */
export function withRemedy(error: FlotillaError): string {
  return `${messageOf(error).trimEnd().replace(/\.?$/, '.')} ${error.remedy}`;
}

/** Thrown by a handler when a retry cannot succeed: the message is dead-lettered immediately under `code` (dotted
 *  lower case, defined by the application). */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';

  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Thrown inside `ctx.call` when the dependency itself is unavailable, whatever the underlying error: the circuit
 *  breaker counts it as a failure. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
  readonly code = 'worker.unavailable';
}

/** Whether `error` is a Flotilla error with this code. */
export function hasCode(error: unknown, code: ErrorCode): error is FlotillaError {
  return error instanceof FlotillaError && error.code === code;
}

/** Maximum length of messages and stacks; longer ones are truncated. */
const MAX_TEXT_LENGTH = 10_000;

/** Returns the message of a thrown value, redacted, at most 10,000 characters. Never throws, although reading a
 *  thrown value may throw. */
export function messageOf(thrown: unknown): string {
  try {
    const message: unknown = thrown instanceof Error ? thrown.message : thrown;
    return redacted(String(message));
  } catch {
    return 'a thrown value that cannot be printed';
  }
}

/** Returns the stack of an error, redacted, at most 10,000 characters; undefined for a value without a stack. Never
 *  throws. */
export function stackOf(thrown: unknown): string | undefined {
  try {
    const stack: unknown = thrown instanceof Error ? thrown.stack : undefined;
    return typeof stack === 'string' ? redacted(stack) : undefined;
  } catch {
    return undefined;
  }
}

/** Truncates before and after redaction. The first cut bounds the work; a secret that it splits lies far beyond the
 *  second. */
function redacted(text: string): string {
  return redact(text.slice(0, 2 * MAX_TEXT_LENGTH)).slice(0, MAX_TEXT_LENGTH);
}

/** Returns a value thrown by application code as a readable error: unchanged if possible, otherwise a new error with
 *  its text. Applied wherever application code is called, so that other code can rely on `Error`. Never throws. */
export function errorOf(thrown: unknown): Error {
  if (isReadable(thrown)) return thrown;
  const error = new Error(messageOf(thrown));
  error.name = typeof thrown;
  return error;
}

function isReadable(thrown: unknown): thrown is Error {
  try {
    if (!(thrown instanceof Error)) return false;
    for (const property of ['code', 'status', 'statusCode', 'cause', 'disposal']) Reflect.get(thrown, property);
    const texts: unknown[] = [thrown.name, thrown.message, thrown.stack ?? '', String(thrown)];
    return texts.every((text) => typeof text === 'string');
  } catch {
    return false;
  }
}
