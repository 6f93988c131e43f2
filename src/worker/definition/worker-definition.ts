import type { z } from 'zod';
import type { DeclaredAggregate } from '../../aggregates/decider.js';
import type { Definitions } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { VerifyPublisher } from '../../broker/users/verify-publisher.js';
import type { StreamConsumer, StreamConsumerOptions } from '../../event-log/consumers/stream-consumer.js';
import type { ServiceStores } from '../../store/service-stores.js';
import { unwrapDefinition, type Opaque } from '../../opaque.js';
import type { ProjectionDefinition } from '../../projections/definition.js';
import type { SagaDefinition } from '../../sagas/definition/types.js';
import type { WindowsDefinition } from '../../windows/definition.js';
import type { Migration, Sql } from '../../store/store.js';
import type { HandlerKey } from '../../events/handler-keys.js';
import type { TypeName } from '../../events/handler-types.js';
import type { RequestedVersions } from '../../events/read-as.js';
import type { PartitionCount } from '../../broker/messages/slot-headers.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { Context, OrderingOptions, SequenceStart, SetupContext, WorkerOptions } from './options.js';

/** A context without the types of its catalogue. */
export type ErasedContext = Context<Definitions, string, unknown>;
export type ErasedHandler = (event: EventEnvelope, ctx: ErasedContext) => Promise<void> | void;

/** A handler with its key: `version` is undefined for the latest. */
export interface DefinedHandler extends HandlerKey {
  readonly handle: ErasedHandler;
}

/** The start options of a worker that consumes the stream directly. */
export interface StreamWorkerContext extends StreamConsumerOptions {
  /** The stores of the other services. @default none is reachable */
  serviceStores?: ServiceStores | undefined;
  /** @default no verification */
  verify?: VerifyPublisher | undefined;
  /** Every type of the fleet. @default none */
  definitions?: Definitions | undefined;
}

/** How a worker handles the sequence of a subject. */
export interface SequenceOptions {
  /** In milliseconds. */
  readonly gapTimeout: number;
  readonly startsAt: SequenceStart;
}

/** How an ordered worker handles its messages: the options with their defaults. */
export interface OrderingDefinition extends Required<
  Pick<OrderingOptions, 'by' | 'unordered' | 'whenExhausted' | 'pipelined'>
> {
  /** 1 for a total order. */
  readonly partitions: 1 | PartitionCount;
  /** Undefined unless it orders by `sequence`. */
  readonly sequence?: SequenceOptions | undefined;
}

/** A worker as the runtime sees it: erased types, defaults filled in, durations in milliseconds. */
export interface WorkerDefinition {
  readonly name: string;
  readonly store: string;
  readonly definitions: Definitions;
  readonly settings: z.ZodObject;
  readonly setup: (context: SetupContext<Record<string, unknown>>) => unknown;
  readonly teardown: (use: unknown) => Promise<void> | void;
  readonly check: (use: unknown) => string | undefined;
  /** Every type that it emits, also by its sagas and windows. */
  readonly emits: ReadonlySet<string>;
  /** The types that its handlers emit. */
  readonly handlersEmit: readonly string[];
  /** The aggregates on which its handlers execute commands. */
  readonly aggregates: readonly DeclaredAggregate[];
  /** The types that its handlers read. */
  readonly handlersRead: readonly string[];
  /** See `WorkerOptions.cycles`. */
  readonly cycles: readonly { readonly types: readonly string[]; readonly reason: string }[];
  readonly from: 'queue' | 'log';
  readonly offset: 'first' | 'next';
  readonly replay?: 'idempotent' | 'reset';
  readonly reset?: (tx: { sql: Sql }) => Promise<void>;
  readonly projections: readonly ProjectionDefinition[];
  readonly windows: readonly WindowsDefinition[];
  readonly sagas: readonly SagaDefinition[];
  /** The sagas that receive a type. */
  readonly sagasOf: ReadonlyMap<string, readonly SagaDefinition[]>;
  /** Consumes the stream `events.log` directly, instead of handlers. */
  readonly consumeStream?: (context: StreamWorkerContext) => StreamConsumer;
  /** Sorted by specificity, most specific first. */
  readonly handlers: readonly DefinedHandler[];
  /** The handler of each type that the worker handles. */
  readonly handlerOf: ReadonlyMap<string, ErasedHandler>;
  /** The versions that the handlers request; undefined if all receive the latest. */
  readonly requested: RequestedVersions | undefined;
  readonly telemetry?: Telemetry;
  readonly accepts?: (event: EventEnvelope) => boolean;
  readonly bootstrap?: (ctx: Pick<ErasedContext, 'write' | 'emit' | 'log'>) => void;
  readonly migrations: readonly Migration[];
  readonly prefetch: number;
  readonly timeout: number;
  /** Undefined: in no particular order. */
  readonly ordering: OrderingDefinition | undefined;
  readonly retryDelays: readonly number[];
  readonly circuitBreaker: { failures: number; halfOpenAfter: number; maxHalfOpenAfter: number };
  readonly onRetriesExhausted?: (
    event: EventEnvelope,
    error: Error,
    ctx: Pick<ErasedContext, 'write' | 'emit' | 'log'>,
  ) => void;
}

/** A worker, for `defineFleet`, `runWorkers` and the test harness. */
export type Worker = Opaque<'worker'>;

export function workerDefinitionOf(worker: Worker): WorkerDefinition {
  return unwrapDefinition(worker) as WorkerDefinition;
}

/** The owner of the migrations of a worker. */
export function workerMigrationOwner(name: string): string {
  return `worker:${name}`;
}

/** `defineWorker` of a catalogue. */
export type DefineWorker<D extends Definitions> = <
  const P extends string,
  const E extends TypeName<D> = never,
  Settings extends z.ZodObject = z.ZodObject,
  Use = undefined,
  const A extends TypeName<D> = never,
>(
  options: WorkerOptions<D, E, Settings, Use, P, A>,
) => Worker;
