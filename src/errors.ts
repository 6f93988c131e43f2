import { redact } from './text/redact.js';

/** What happens to failed work: it is retried, it is rejected permanently, or the process exits. */
export type Disposal = 'retry' | 'reject' | 'fatal';

interface ErrorSpec {
  disposal: Disposal;
  /** States the problem and the remedy; the details of the individual failure are appended. */
  message: string;
}

/** The registry of all errors. Codes are stable: alerts and dead letter searches depend on them. */
export const errors = {
  // messages that do not match the catalogue
  'contract.not_json': { disposal: 'reject', message: 'The body is not JSON' },
  'contract.content_type': {
    disposal: 'reject',
    message: 'The message is neither application/cloudevents+json nor JSON with the attributes of an event in headers',
  },
  'contract.not_an_event': { disposal: 'reject', message: 'The body is JSON, but no CloudEvents 1.0 event' },
  'contract.too_large': { disposal: 'reject', message: 'The body is larger than this fleet takes' },
  'contract.unknown_type': { disposal: 'reject', message: 'No such event type in the catalogue' },
  'contract.unverified_source': {
    disposal: 'reject',
    message: 'The AMQP user that published the message may not publish events of its source',
  },
  'contract.newer_version': {
    disposal: 'reject',
    message: 'The event has a newer schema version than this worker knows; deploy the worker, then replay',
  },
  'contract.invalid_data': { disposal: 'reject', message: 'The data does not fit the schema of its type' },
  'contract.unsigned': {
    disposal: 'reject',
    message:
      'The message is not signed with a key of this fleet; check FLEET_KEY of its publisher, or allow the source by `fromOutside`',
  },
  'contract.foreign_source': {
    disposal: 'reject',
    message:
      'No part of this service declares that it emits the type; see `emits`, or allow the source by `fromOutside`',
  },
  'contract.no_handler': { disposal: 'reject', message: 'The worker has no handler for this type' },
  'contract.duplicate_type': { disposal: 'fatal', message: 'The catalogue declares this type twice; rename one' },
  'contract.bad_type_name': {
    disposal: 'fatal',
    message: 'An event type is two or three dotted lower-case segments; rename it',
  },
  'contract.bad_versions': {
    disposal: 'fatal',
    message: 'Versions count up from 1 and every one but the last needs an upcaster',
  },

  // the store
  'store.conflict': { disposal: 'retry', message: 'The stream is not at the expected version; read it again' },
  'store.missing': {
    disposal: 'fatal',
    message: 'The store does not exist here; run this where the fleet keeps its stores (DATA_DIR, DATABASE_URL)',
  },
  'store.moved': {
    disposal: 'fatal',
    message: 'A file of the store was removed or replaced while it was in use; put it back, then start again',
  },
  'store.replaced': {
    disposal: 'fatal',
    message: 'The file is not the store that this service had; put that one back, or accept it: flotilla stores accept',
  },
  'store.behind': {
    disposal: 'reject',
    message: 'The store lacks events that the journal has; an older copy of it was restored',
  },
  'store.damaged': { disposal: 'fatal', message: 'A file of the store is damaged; restore it from a backup' },
  'store.closed': { disposal: 'retry', message: 'The store is closed' },
  'store.busy': { disposal: 'retry', message: 'Another process held the write lock for too long' },
  'store.full': {
    disposal: 'retry',
    message: 'The disk of the store is full; free space, nothing acknowledged is lost',
  },
  'store.io': { disposal: 'retry', message: 'The store could not read or write its file' },
  'store.group_aborted': { disposal: 'retry', message: 'The transaction was rolled back with its group; try again' },
  'store.write_awaited': {
    disposal: 'reject',
    message: 'A write awaited something other than its transaction; do slow work in ctx.call, before the write',
  },
  'store.revoked': { disposal: 'reject', message: 'The transaction is over; nothing may use it any more' },
  'store.overloaded': { disposal: 'retry', message: 'Too much waits to be written; try again shortly' },
  'store.archive_missing': {
    disposal: 'retry',
    message: 'Events of this store are in its archive file, which is not there or not whole; put it back',
  },
  'store.migration_changed': {
    disposal: 'fatal',
    message: 'A migration that already ran was changed; add a new one instead',
  },

  // the broker
  'broker.returned': { disposal: 'retry', message: 'No queue takes this message; apply the topology' },
  'broker.nacked': { disposal: 'retry', message: 'The broker refused the message' },
  'broker.unencodable': {
    disposal: 'reject',
    message: 'AMQP cannot carry the message: headers over 64 KiB, or a property or routing key over 255 bytes',
  },
  'broker.timeout': { disposal: 'retry', message: 'The broker did not confirm in time; it may have the message' },
  'broker.disconnected': {
    disposal: 'retry',
    message: 'The connection dropped before the confirm; it may have the message',
  },
  'broker.closed': { disposal: 'retry', message: 'The broker connection is closed for good' },
  'broker.not_configured': {
    disposal: 'fatal',
    message: 'No broker is configured; set AMQP_URL, or run this in the folder of a fleet that is running',
  },
  'broker.unreachable': { disposal: 'retry', message: 'The broker cannot be reached' },
  'broker.data_version': { disposal: 'fatal', message: "Another version of RabbitMQ wrote the broker's data" },
  'broker.not_recoverable': {
    disposal: 'fatal',
    message: 'The stores cannot prove that they hold everything that is in the broker; nothing was changed',
  },
  'broker.unknown_host': { disposal: 'retry', message: 'The broker has a host name that is not known; check AMQP_URL' },
  'broker.refused_connection': {
    disposal: 'retry',
    message: 'Nothing listens where the broker should be; start the broker, or check the port in AMQP_URL',
  },
  // retried although an operator must fix them: one restarting process must not stop the whole fleet
  'broker.refused_credentials': {
    disposal: 'retry',
    message: 'The broker refused the user or the password; check AMQP_URL',
  },
  'broker.no_vhost': {
    disposal: 'retry',
    message: 'The virtual host does not exist, or the user has no permission for it; create it, or check AMQP_URL',
  },
  'broker.tls': {
    disposal: 'retry',
    message: 'The broker and this process cannot agree on TLS; check amqp:// or amqps://, and the certificates',
  },
  'broker.not_amqp': {
    disposal: 'retry',
    message: 'Something other than an AMQP broker answers; check the port in AMQP_URL (AMQP is 5672, with TLS 5671)',
  },
  'broker.topology_conflict': {
    disposal: 'fatal',
    message: 'The broker has this with other arguments that cannot be changed; see `flotilla topology plan`',
  },
  'topology.in_use': {
    disposal: 'reject',
    message: 'A queue has consumers; stop the processes that run its worker, and restart the keeper',
  },
  'topology.no_room': {
    disposal: 'reject',
    message:
      'The unrouted messages have no room left and would drop their oldest; replay them, raise UNROUTED_MAX, or name a worker by --to',
  },
  'topology.not_found': { disposal: 'reject', message: 'No worker of this name has left queues behind' },
  'broker.topology_incomplete': {
    disposal: 'retry',
    message: 'A part of the topology is missing and cannot be declared now; see that a majority of the nodes runs',
  },
  'broker.not_permitted': {
    disposal: 'fatal',
    message:
      'The AMQP user may not do this; let an operator apply the topology, and see `flotilla topology permissions`',
  },
  'broker.no_answer': { disposal: 'retry', message: 'A queue does not answer; see that its node runs' },
  'broker.management': { disposal: 'retry', message: 'The management API did not answer as expected' },

  // workers
  'worker.timeout': { disposal: 'retry', message: 'The handler took longer than its timeout' },
  'worker.handlers_abandoned': {
    disposal: 'retry',
    message:
      'Too many handlers never returned, and the process ends to give back what they hold; hand `ctx.signal` to whatever they wait for',
  },
  'worker.revoked': { disposal: 'reject', message: 'The context is revoked: the handler has timed out or returned' },
  'worker.crash_loop': { disposal: 'reject', message: 'The process ended several times while handling this message' },
  'worker.unavailable': { disposal: 'retry', message: 'A dependency is not available' },
  'worker.undeclared_emit': {
    disposal: 'reject',
    message: 'The handler emits a type its worker does not list in `emits`',
  },
  'worker.side_effect_refused': {
    disposal: 'reject',
    message:
      'A replay without side effects reached a call with a side effect; replay with --side-effects, or check `ctx.sideEffects` in the handler',
  },
  'worker.bad_definition': { disposal: 'fatal', message: 'The worker is not defined as it must be' },
  'worker.handler_failed': { disposal: 'retry', message: 'The handler threw' },
  'worker.permanent': { disposal: 'reject', message: 'The handler says that trying again is of no use' },

  // sagas
  'saga.not_found': { disposal: 'reject', message: 'No such saga' },
  'saga.bad_definition': { disposal: 'fatal', message: 'Invalid saga definition' },
  'saga.unknown_step': {
    disposal: 'retry',
    message:
      'The saga waits for a step that its definition does not declare; deploy one that does, then replay or retry',
  },
  'saga.refused': { disposal: 'reject', message: "Operation not allowed in the saga's current state" },

  // projections
  'projection.not_found': { disposal: 'reject', message: 'No such projection' },
  'projection.bad_definition': { disposal: 'fatal', message: 'The projection is not defined as it must be' },
  'projection.conflict': { disposal: 'retry', message: 'Another process has moved the checkpoint of the projection' },
  'projection.poison': {
    disposal: 'reject',
    message: 'The projection cannot take an event; mend it, or skip the event',
  },
  'projection.not_stopped': { disposal: 'reject', message: 'The projection is not stopped at an event' },
  'projection.outdated': {
    disposal: 'reject',
    message: 'The read model was made by another version of its projection; rebuild it',
  },
  'projection.rebuilding': { disposal: 'reject', message: 'Another process rebuilds the projection' },

  // the log, the journal and replays
  'log.gap': {
    disposal: 'retry',
    message: 'Unread entries were trimmed from the log; raise its retention (STREAM_MAX_BYTES, STREAM_MAX_AGE)',
  },
  'log.reset': { disposal: 'retry', message: 'The stream was recreated; unread entries are lost' },
  'journal.not_found': { disposal: 'reject', message: 'No such event' },
  'log.unreachable': { disposal: 'retry', message: 'The log cannot be read' },
  'replay.refused': { disposal: 'reject', message: 'This cannot be replayed' },
  'replay.held_up': {
    disposal: 'retry',
    message: 'The queue of the worker does not drain; check that the worker runs, then resume the replay',
  },
  'replay.not_found': { disposal: 'reject', message: 'No such replay' },

  // other services
  'http.bad_answer': { disposal: 'retry', message: 'The answer to an HTTP request cannot be used' },

  // the fleet and its configuration
  'name.unknown': { disposal: 'reject', message: 'Unknown name' },
  'name.invalid': { disposal: 'reject', message: 'Not a valid name' },
  'folder.not_empty': { disposal: 'reject', message: 'The folder is not empty; choose another' },
  'node.unsupported': { disposal: 'fatal', message: 'This Node.js is too old; install a current one' },
  'config.invalid': { disposal: 'fatal', message: 'The configuration is not valid' },
  'fleet.running': { disposal: 'fatal', message: 'A fleet runs here already' },
  'fleet.prefix_taken': {
    disposal: 'fatal',
    message:
      'Another fleet uses this prefix on this broker; set another FLOTILLA_PREFIX, or stop that fleet and run `flotilla topology take-over`',
  },
  'fleet.invalid': { disposal: 'fatal', message: 'The fleet does not fit together' },
  'fleet.stale': { disposal: 'fatal', message: 'Compiled code of the fleet is older than its source' },
  'fleet.key_mismatch': {
    disposal: 'fatal',
    message: 'Another process of this fleet signs with a key that this process does not have; set FLEET_KEY as there',
  },

  // simulation
  'simulation.failed': { disposal: 'fatal', message: 'A simulated run violates a promise' },
  'simulation.endless': {
    disposal: 'fatal',
    message: 'A simulated run finds no end; where it only is long, raise `limits`',
  },
  'simulation.stuck': {
    disposal: 'fatal',
    message: 'A simulated run stands still: something waits for what never comes, or takes real time',
  },

  // dead letters
  'dead_letter.not_found': { disposal: 'reject', message: 'No such dead letter' },
  'dead_letter.settled': { disposal: 'reject', message: 'The dead letter was already replayed or discarded' },
  'dead_letter.busy': {
    disposal: 'retry',
    message: 'The dead letter was settled, or another run is replaying it; check again in a minute',
  },
  'dead_letter.closed': {
    disposal: 'reject',
    message: 'The aggregate of this command is closed; use --force to send it anyway',
  },
  'dead_letter.conflict': {
    disposal: 'reject',
    message: 'A message that reuses the id of a dead letter is never replayed; discard it',
  },
  'dead_letter.truncated': {
    disposal: 'reject',
    message: 'The body was too large to be stored in full; replace it with `dead edit`, or discard it',
  },
  'dead_letter.unsigned': {
    disposal: 'reject',
    message: 'The message is not signed with a key of this fleet; use --vouch if you know that it is genuine',
  },
  'dead_letter.refused': { disposal: 'reject', message: 'The dead letter cannot be replayed as it is' },
} as const satisfies Record<string, ErrorSpec>;

/** A registered error code. */
export type ErrorCode = keyof typeof errors;

/** Whether the text is a registered error code. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errors, code);
}

/** An error raised by Flotilla. `code` is stable and registered in `errors`; `message` states the remedy. */
export class FlotillaError extends Error {
  override readonly name = 'FlotillaError';
  readonly disposal: Disposal;

  constructor(
    readonly code: ErrorCode,
    detail?: string,
    options?: ErrorOptions,
  ) {
    const { message, disposal } = errors[code];
    super(detail === undefined ? `${message}.` : `${message}: ${detail}`, options);
    this.disposal = disposal;
  }
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
const MAX_TEXT = 10_000;

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
  return redact(text.slice(0, 2 * MAX_TEXT)).slice(0, MAX_TEXT);
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
