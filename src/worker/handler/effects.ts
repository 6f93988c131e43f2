import { executeCommand } from '../../aggregates/execute.js';
import type { Decider } from '../../aggregates/decider.js';
import { createEvent } from '../../events/create.js';
import type { EventContext, EventEnvelope, UnsequencedEvent } from '../../events/envelope.js';
import type { DeriveId } from '../../events/ids.js';
import { FlotillaError } from '../../errors.js';
import type { Store, Tx } from '../../store/store.js';
import type { Clock } from '../../concurrency/clock.js';
import { advance } from '../../sagas/advance.js';
import { sagaIdOf } from '../../sagas/definition/definition.js';
import type { SagaDefinition } from '../../sagas/definition/types.js';
import { childTraceparent } from '../../telemetry/trace-context.js';
import type { UndeclaredEmits } from '../../telemetry/undeclared-emits.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import type { EmitOptions, WriteTx } from '../definition/options.js';
import type { Definitions } from '../../events/definitions.js';

export type ErasedWriteTx = WriteTx<Definitions, string>;
export type AnyDecider = Decider<unknown, unknown>;

/** A deferred write of a handler. Effects run in order, in the transaction of the inbox row. */
export type Effect =
  | { kind: 'emit'; event: UnsequencedEvent }
  | { kind: 'schedule'; dueAt: number; event: UnsequencedEvent }
  | { kind: 'write'; work: (tx: ErasedWriteTx) => Promise<void> }
  | { kind: 'handle'; decider: AnyDecider; id: string; command: unknown }
  | { kind: 'saga'; saga: SagaDefinition; event: EventEnvelope };

/** The worker that emits, and the dependencies for creating its events. */
export interface Emitter {
  readonly definition: WorkerDefinition;
  readonly store: Pick<Store, 'service'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly deriveId: DeriveId;
  readonly undeclaredEmits: UndeclaredEmits;
}

/** Creates the events caused by one event. The n-th event always has the same id, in every process and every
 *  attempt. */
export class Emissions {
  #index = 0;
  #traceparent: { value: string | undefined } | undefined;

  constructor(
    private readonly emitter: Emitter,
    private readonly cause: EventEnvelope,
    /** Separates the ids of different sequences of one cause. */
    private readonly sequence = '',
  ) {}

  get definitions(): Definitions {
    return this.emitter.definition.definitions;
  }

  get deriveId(): DeriveId {
    return this.emitter.deriveId;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.emitter.clock.now();
  }

  /** Creates the next event. Throws `contract.undeclared_emit`, or `contract.invalid_data` like `createEvent`. */
  create(type: string, data: unknown, options: EmitOptions = {}): UnsequencedEvent {
    return createEvent(
      this.definitions,
      type,
      data,
      this.context(options.subject ?? this.cause.subject, type, options.id),
    );
  }

  /** The context of the next event. An event with an `id` of its own counts for the ids of those that follow. Throws
   *  `contract.undeclared_emit` for a type that the worker does not declare. */
  context(subject: string, type: string, id?: string): EventContext {
    const { cause } = this;
    const { definition, store, deriveId, undeclaredEmits } = this.emitter;
    if (!definition.emits.has(type)) {
      undeclaredEmits.count(type);
      throw new FlotillaError('contract.undeclared_emit', `${definition.name} emits ${type}`);
    }
    // created with the first event: most handlers emit none
    this.#traceparent ??= { value: childTraceparent(cause.traceparent) };
    const { value: traceparent } = this.#traceparent;
    const index = this.#index++;
    return {
      id: id ?? deriveId(Date.parse(cause.time), cause.source, cause.id, definition.name, this.sequence, index, type),
      source: store.service,
      subject,
      time: new Date(this.now()).toISOString(),
      correlationId: cause.correlationid,
      causationId: cause.id,
      ...(traceparent !== undefined && { traceparent }),
    };
  }

  /** Starts a separate sequence of ids: always the same for the same `n`. */
  fork(n: number): Emissions {
    return new Emissions(this.emitter, this.cause, `${this.sequence}/${n}`);
  }
}

/** Runs the effects in the transaction, sequentially. */
export async function runEffects(tx: Tx, effects: readonly Effect[], emissions: Emissions): Promise<void> {
  for (const [index, effect] of effects.entries()) {
    switch (effect.kind) {
      case 'emit':
        await tx.append(effect.event.subject, 'any', [effect.event]);
        break;
      case 'schedule':
        await tx.schedule({ id: effect.event.id, dueAt: effect.dueAt, event: effect.event });
        break;
      case 'write':
        await effect.work(writeTx(tx, emissions.fork(index)));
        break;
      case 'handle':
        await writeTx(tx, emissions.fork(index)).execute(effect.decider, effect.id, effect.command);
        break;
      case 'saga':
        await advanceSaga(tx, effect, emissions.fork(index));
        break;
    }
  }
}

async function advanceSaga(
  tx: Tx,
  { saga, event }: Extract<Effect, { kind: 'saga' }>,
  emissions: Emissions,
): Promise<void> {
  const sagaId = sagaIdOf(saga, event);
  if (sagaId === undefined) return;
  const { deriveId } = emissions;
  const input = { kind: 'message', sagaId, now: emissions.now(), deriveId, event } as const;
  await advance(tx, saga, input, (subject, type) => emissions.context(subject, type));
}

function writeTx(tx: Tx, emissions: Emissions): ErasedWriteTx {
  return {
    sql: tx.sql,
    read: (stream, after, limit) => tx.read(stream, after, limit),
    emit: async (type, data, options) => {
      const event = emissions.create(type, data, options);
      await tx.append(event.subject, 'any', [event]);
    },
    execute: (decider, id, command) =>
      executeCommand(tx, emissions.definitions, decider, id, command, {
        origin: (subject, type) => emissions.context(subject, type),
      }),
  };
}
