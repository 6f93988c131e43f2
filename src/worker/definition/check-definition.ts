import { FlotillaError } from '../../errors.js';
import { matchesType, typesMatching } from '../../events/handler-types.js';
import { keyProblem, parseHandlerKey } from '../../events/handler-keys.js';
import { PARTITION_COUNTS } from '../../broker/messages/slot-headers.js';
import { isAmbiguous } from '../../events/patterns.js';
import { isPlainName } from '../../text/plain-name.js';
import { topicProblem } from '../telemetry/topics.js';
import type { DefinedHandler, WorkerDefinition } from './worker-definition.js';

/** Half of RabbitMQ's consumer timeout of 30 minutes: a message behind a full prefetch of slow messages must be settled
 *  before the broker closes the channel. */
const MAX_TIMEOUT_MS = 15 * 60_000;

/** The longest time to live that RabbitMQ accepts. */
const MAX_RETRY_DELAY_MS = 4_294_967_295;

const MAX_GAP_TIMEOUT_MS = 7 * 24 * 3_600_000;

/** Throws `worker.bad_definition` for mistakes that the compiler does not detect. */
export function checkDefinition(worker: WorkerDefinition): void {
  const fail = (detail: string) => new FlotillaError('worker.bad_definition', `${worker.name}: ${detail}`);
  if (!isPlainName(worker.name)) throw fail('a name is lower case letters, digits and single dashes');
  const takesNothing = worker.consumeStream === undefined && worker.handlers.length === 0;
  if (takesNothing && worker.projections.length + worker.windows.length === 0) throw fail('it handles nothing');
  if (takesNothing && worker.from === 'log') throw fail("from: 'log' takes handlers");
  if (worker.sagas.length > 0 && worker.from === 'log')
    throw fail('sagas need a queue: from the log they would process all of history again');
  if (worker.sagas.length > 0 && worker.accepts !== undefined) {
    throw fail('`accepts` is not for sagas: they need all of their messages');
  }
  if ((worker.replay === 'reset') !== (worker.reset !== undefined)) {
    throw fail("`reset` belongs to replay: 'reset', and the other way round");
  }
  if (!Number.isInteger(worker.prefetch) || worker.prefetch < 1 || worker.prefetch > 2000) {
    throw fail('prefetch is a whole number from 1 to 2000');
  }
  if (!worker.retryDelays.every((delay) => Number.isInteger(delay) && delay >= 1 && delay <= MAX_RETRY_DELAY_MS)) {
    throw fail('a retry delay is 1ms to 49d, in whole milliseconds');
  }
  if (worker.timeout > MAX_TIMEOUT_MS) throw fail('the timeout is longer than 15 minutes');
  const twice = worker.sagas.find(({ name }, index) => worker.sagas.findIndex((saga) => saga.name === name) !== index);
  if (twice !== undefined) throw fail(`two of its sagas are called ${twice.name}`);
  for (const type of worker.emits) if (!(type in worker.definitions)) throw fail(`it emits the unknown type ${type}`);
  for (const { types, reason } of worker.cycles) {
    const unread = types.find((type) => !worker.handlersRead.includes(type));
    if (unread !== undefined) throw fail(`\`cycles\` has ${unread}, which no handler of it handles`);
    if (types.length === 0 || reason.trim() === '') throw fail('an entry of `cycles` needs types and a reason');
  }
  const refused = telemetryProblem(worker);
  if (refused !== undefined) throw fail(refused);
  const unordered = orderingProblem(worker);
  if (unordered !== undefined) throw fail(unordered);
  for (const { pattern } of worker.handlers) {
    if (typesMatching(worker.definitions, pattern).length === 0) throw fail(`nothing matches the pattern ${pattern}`);
  }
  for (const handler of worker.handlers) {
    const problem = versionProblem(worker, handler);
    if (problem !== undefined) throw fail(problem);
  }
  for (const type of Object.keys(worker.definitions)) {
    const [first, second] = worker.handlers.filter(
      ({ pattern, version }) => version === undefined && matchesType(worker.definitions, pattern, type),
    );
    if (first && second && isAmbiguous(first.pattern, second.pattern)) {
      throw fail(`${type} is handled by ${first.pattern} and ${second.pattern}, neither more specific`);
    }
  }
}

/** Why the worker cannot receive messages of devices. */
function telemetryProblem({ telemetry, ordering, from }: WorkerDefinition): string | undefined {
  if (telemetry === undefined) return undefined;
  if (ordering !== undefined || from === 'log') return "`telemetry` is for from: 'queue' and ordering: 'none'";
  return [...telemetry.topics, ...telemetry.replies].map(topicProblem).find((problem) => problem !== undefined);
}

/** Why the worker cannot handle its messages in order. */
function orderingProblem({ ordering, from, handlers, definitions }: WorkerDefinition): string | undefined {
  if (ordering === undefined) return undefined;
  const { by, partitions, unordered, sequence } = ordering;
  const counts: readonly number[] = by === 'total' ? [1] : PARTITION_COUNTS;
  if (from === 'log') return "`ordering` is for from: 'queue'; the log is in order";
  if (!counts.includes(partitions)) return `${partitions} partitions; by ${by} there are ${counts.join(', ')}`;
  if (sequence !== undefined && unordered.length > 0) {
    return "`unordered` is not for by: 'sequence', which waits for every event of a subject";
  }
  if (sequence !== undefined && (sequence.gapTimeout < 1 || sequence.gapTimeout > MAX_GAP_TIMEOUT_MS)) {
    return '`gapTimeout` is 1ms to 7d';
  }
  const patterns = new Set(handlers.map(({ pattern }) => pattern));
  const unknown = unordered.find((key) => !patterns.has(parseHandlerKey(key).pattern));
  if (unknown !== undefined) return `\`unordered\` has ${unknown}, which is not a key of \`on\``;
  const free = new Set(unordered.map((key) => parseHandlerKey(key).pattern));
  for (const type of Object.keys(definitions)) {
    const found = [...patterns].filter((pattern) => matchesType(definitions, pattern, type));
    const [inOrder, inAny] = [found.find((pattern) => !free.has(pattern)), found.find((pattern) => free.has(pattern))];
    if (inOrder !== undefined && inAny !== undefined) {
      return `${type} matches ${inAny}, which is \`unordered\`, and ${inOrder}, which is not`;
    }
  }
  return undefined;
}

/** Why a handler cannot receive the version that its key requests. */
function versionProblem(
  { definitions, handlers, sagasOf }: WorkerDefinition,
  { pattern, version }: DefinedHandler,
): string | undefined {
  if (version === undefined) return undefined;
  const problem = keyProblem(definitions, { pattern, version });
  if (problem !== undefined) return problem;
  const isPlain = (other: DefinedHandler) => other.version === undefined && other.pattern === pattern;
  if (version === definitions[pattern]?.latest && handlers.some(isPlain)) {
    return `${pattern} and ${pattern}@${version} both request version ${version}`;
  }
  const [saga] = sagasOf.get(pattern) ?? [];
  return saga === undefined
    ? undefined
    : `the saga ${saga.name} receives ${pattern} in its latest version, so its handler has the key ${pattern}`;
}
