import { runDirOf } from '../../../runtime/place.js';
import { maskedUrl } from '../../../config/secrets.js';
import type { AbandonedQueue } from '../../../broker/topology/abandoned-queues.js';
import { otherKey } from '../../../broker/signing/key-registration.js';
import type { Broker } from '../../../broker/broker.js';
import { causeOfSilence } from '../../../broker/rabbitmq/connection/probe.js';
import { sharedRequests, type StateRequests } from '../../../broker/rabbitmq/management/shared-requests.js';
import type { Names } from '../../../broker/topology/topology.js';
import { deadLetterMigrations } from '../../../dead-letters/storage/migrations.js';
import { groupDeadLetters } from '../../../dead-letters/storage/queries.js';
import { listUnrouted } from '../../../queues/unrouted-messages.js';
import { OPS_STORE } from '../../../fleet/reserved-names.js';
import { FlotillaError } from '../../../errors.js';
import {
  fleetStatus,
  type FleetStatus,
  type StoredDeadLetterCounts,
  type UnroutedStatus,
} from '../../../observability/fleet-status.js';
import { probeProcess } from '../../../observability/processes/probe-process.js';
import { readSettings } from '../../../observability/processes/process-registry.js';
import { valueOf, withinLimit } from '../../../concurrency/within-limit.js';
import { brokerAddress } from '../../../runtime/broker/broker-address.js';
import type { Context } from '../../shared/context.js';
import { differencesFrom, hasOtherQueues, type DifferentSetting } from '../../../runtime/fleet/topology-settings.js';
import { hasStore } from '../../../runtime/stores/existing-stores.js';
import { operatorPlace } from '../../shared/session.js';
import { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { openManagement } from '../../../runtime/broker/broker-address.js';
import { quarantined, workersWithQueue, type Quarantined } from '../quarantine/quarantined.js';
import { waitingCounts, type WaitingCount } from '../subject/ordered-workers.js';
import { openSagas, type OpenSagas } from '../sagas/open-counts.js';
import { abandonedQueues } from '../topology/abandoned.js';
import { missingBindingNames } from '../topology/wanted.js';

/** The state of the fleet, with further values of the command line. */
export interface Status extends FleetStatus {
  /** Without its password. */
  brokerUrl: string;
  /** The variables with another value here than in the running processes. If the fleet has other queues therefore,
   *  the topology is not compared. */
  differentSettings: DifferentSetting[];
  /** The id of the key that signs messages; null if they are not signed. */
  signingKey: string | null;
  /** The id of the key that signs the messages of the fleet, if this shell has no key; null if there is none or it is
   *  unknown. */
  fleetKey: string | null;
  sagas: OpenSagas[];
  /** Messages that wait for a release that reads them, in the stores on this machine. */
  quarantined: Quarantined[];
  /** Parked messages and held subjects of the ordered workers, in the stores on this machine. */
  ordering: WaitingCount[];
  /** Queues of former workers and of former retry delays; null if unknown. */
  abandoned: AbandonedQueue[] | null;
  /** Bindings that the fleet needs and the broker does not have; null if unknown. */
  missingBindings: string[] | null;
  /** The services whose stores are not on this machine; the status does not include their contents. */
  unread: string[];
}

export interface StatusSource {
  /** Resolves with the current state. `unreachable`: the reason if there is no connection to the broker. */
  read(): Promise<{ status: Status; unreachable: Error | undefined }>;
  close(): Promise<void>;
}

/** Time limit for each source. */
const REQUEST_TIMEOUT_MS = 3000;
/** Maximum number of unrouted messages that are examined: enough to find a command, few enough to be fast. */
const MAX_CHECKED = 200;
/** Minimum time between two examinations of the same number of messages, because each marks them as redelivered. */
const CHECK_INTERVAL_MS = 60_000;

/** Creates a source that reads the state of the fleet repeatedly over one connection, and reopens a lost connection. */
export function createStatusSource(context: Context): StatusSource {
  let session: FleetSession | undefined;
  let broker: Broker | undefined;
  let examined: { total: number; at: number; found: UnroutedStatus } | undefined;

  async function connection(
    session: FleetSession,
  ): Promise<{ broker: Broker | undefined; unreachable: Error | undefined }> {
    try {
      broker ??= await session.broker('read', REQUEST_TIMEOUT_MS);
      if (broker.state !== 'connecting') return { broker, unreachable: undefined };
      await broker.ready(AbortSignal.any([context.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]));
      return { broker, unreachable: undefined };
    } catch (error) {
      context.signal.throwIfAborted();
      if (broker === undefined && error instanceof Error) return { broker, unreachable: error };
      const { amqpUrl } = await brokerAddress(context);
      const { code, detail } = (await causeOfSilence(amqpUrl)) ?? {
        code: 'broker.unreachable',
        detail: 'the connection is lost',
      };
      return { broker: undefined, unreachable: new FlotillaError(code, detail) };
    }
  }

  async function examine({ names, definitions }: FleetSession, open: Broker): Promise<UnroutedStatus> {
    const total = (await open.queueDepth(names.unroutedQueue))?.ready ?? 0;
    const now = performance.now();
    if (examined?.total === total && now - examined.at < CHECK_INTERVAL_MS) return examined.found;
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    const { items } = await listUnrouted({ broker: open, names, definitions }, { count: MAX_CHECKED, signal });
    const commands = items.filter(({ kind }) => kind === 'command');
    const events = items.filter(({ kind }) => kind === 'event').length;
    const found = {
      total,
      examined: items.length,
      commands: commands.length,
      events,
      others: items.length - commands.length - events,
      oldestCommand: commands.flatMap(({ time }) => time ?? []).sort()[0] ?? null,
    };
    examined = { total, at: now, found };
    return found;
  }

  return {
    async read() {
      const { config } = context;
      // first: loading the fleet blocks the event loop, and with it the time limits of the others
      session ??= new FleetSession(await context.fleet(), operatorPlace(context));
      const opened = session;
      const management = sharedRequests(await openManagement(context, REQUEST_TIMEOUT_MS));
      const connecting = connection(opened);
      requestAll(management, opened.names);
      const running = await readSettings(runDirOf(context));
      const different = differencesFrom(running, config);
      const processes = Promise.all(
        running.map(({ settings: _, ...record }) => probeProcess(record, config.metricsToken)),
      );
      const stored = Promise.all([
        withinLimit(REQUEST_TIMEOUT_MS, () => openSagas(opened)),
        withinLimit(REQUEST_TIMEOUT_MS, () => quarantined(opened, workersWithQueue(opened))),
        withinLimit(REQUEST_TIMEOUT_MS, () => waitingCounts(opened)),
      ]);
      const kept = withinLimit(REQUEST_TIMEOUT_MS, () => storedDeadLetters(opened));
      const [{ broker: open, unreachable }, { amqpUrl }] = await Promise.all([connecting, brokerAddress(context)]);
      const comparable = hasOtherQueues(different) ? undefined : open;
      const [status, [sagas, waiting, ordering], abandoned, bindings, fleetKey] = await Promise.all([
        fleetStatus({
          ...opened.queues(),
          names: opened.names,
          broker: open,
          // without a connection, it may belong to another broker
          ...(open !== undefined && { management }),
          kept,
          processes,
          limit: REQUEST_TIMEOUT_MS,
          ...(open !== undefined && { examineUnrouted: () => examine(opened, open) }),
        }),
        stored,
        comparable && withinLimit(2 * REQUEST_TIMEOUT_MS, () => abandonedQueues(opened, comparable, management)),
        comparable && withinLimit(REQUEST_TIMEOUT_MS, () => missingBindingNames(opened, management)),
        context.fleetKeys === undefined && open !== undefined
          ? withinLimit(REQUEST_TIMEOUT_MS, () => otherKey(open, opened.names, undefined))
          : undefined,
      ]);
      // the status names the reason if the management API does not respond
      const missingBindings = status.broker === null ? undefined : bindings;
      const problems = [
        ...status.problems,
        ...(sagas.known ? [] : [`sagas: ${sagas.reason}`]),
        ...(waiting.known ? [] : [`quarantine: ${waiting.reason}`]),
        ...(ordering.known ? [] : [`parked messages: ${ordering.reason}`]),
        ...(missingBindings?.known === false ? [`bindings: ${missingBindings.reason}`] : []),
        ...(abandoned?.known === false ? [`queues without a worker: ${abandoned.reason}`] : []),
      ];
      const brokerUrl = maskedUrl(amqpUrl);
      const { sagas: counted = [], unread = [] } = valueOf(sagas) ?? {};
      return {
        status: {
          ...status,
          brokerUrl,
          differentSettings: different,
          signingKey: context.fleetKeys?.current.id ?? null,
          fleetKey: fleetKey === undefined ? null : (valueOf(fleetKey) ?? null),
          sagas: counted,
          quarantined: valueOf(waiting) ?? [],
          ordering: valueOf(ordering) ?? [],
          abandoned: abandoned === undefined ? null : valueOf(abandoned),
          missingBindings: missingBindings ? valueOf(missingBindings) : null,
          unread: [...(hasStore(context, OPS_STORE) ? [] : [OPS_STORE]), ...unread],
          problems,
        },
        unreachable,
      };
    },
    close: async () => session?.close(),
  };
}

/** Sends the requests whose answers take the broker longest, so that it works on them while this process connects. */
function requestAll(management: StateRequests, names: Names): void {
  void management.queues(names.queue(''));
  void management.bindings();
  void management.exchanges(names.queue(''));
  void management.overview();
  void management.nodes();
}

/** Resolves with the stored dead letters that are not settled, by worker. */
async function storedDeadLetters({
  stores,
}: Pick<FleetSession, 'stores'>): Promise<ReadonlyMap<string, StoredDeadLetterCounts>> {
  const groups = await stores.query(OPS_STORE, { 'dead-letters': deadLetterMigrations }, (query) =>
    groupDeadLetters({ query }, { states: ['dead', 'replaying'] }),
  );
  if (groups === undefined) throw new Error('not on this machine');
  const kept = new Map<string, StoredDeadLetterCounts>();
  for (const { worker, count, first } of groups) {
    const before = kept.get(worker);
    const oldest = before !== undefined && before.oldest < first ? before.oldest : first;
    kept.set(worker, { count: (before?.count ?? 0) + count, oldest });
  }
  return kept;
}
