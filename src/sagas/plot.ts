import { derivedId } from '../events/ids.js';
import { wayOf } from './define.js';
import type { MessageRef } from './message.js';
import { evolve, stepState, type SagaEvent, type SagaState } from './state.js';
import type { Direction, SagaDefinition } from './types.js';

export type CompensationCause = Extract<SagaEvent, { type: 'saga.compensating' }>['data']['cause'];
export type FailureCause = Extract<SagaEvent, { type: 'saga.step_failed' }>['data']['cause'];

type Content<E> = E extends { type: infer T; data: infer D } ? { type: T; data: Omit<D, 'saga' | 'sagaId'> } : never;

/** What follows from one input, told event by event: each is decided on what those before it have made of the state. */
export class Plot {
  readonly events: SagaEvent[] = [];

  constructor(
    private readonly definition: SagaDefinition,
    private readonly sagaId: string,
    public state: SagaState,
    /** Milliseconds since the epoch. */
    private readonly now: number,
  ) {}

  say({ type, data }: Content<SagaEvent>): void {
    const event = { type, data: { saga: this.definition.name, sagaId: this.sagaId, ...data } } as SagaEvent;
    this.events.push(event);
    this.state = evolve(this.state, event);
  }

  /** Gives the command of a step, there or back. */
  ask(name: string, direction: Direction): void {
    const { command, timeout } = wayOf(this.definition, name, direction);
    const attempt = stepState(this.state, name)[direction].commands.length + 1;
    const { deriveId = derivedId } = this.definition;
    const id = deriveId(this.now, 'saga', this.definition.name, this.sagaId, name, direction, attempt);
    const timeoutAt = this.#after(timeout);
    this.say({
      type: 'saga.step_started',
      data: { step: name, direction, attempt, command: { type: command.type, id }, timeoutAt },
    });
  }

  /** The next step, or the end. */
  goOn(): void {
    const next = this.definition.steps.find(({ name }) => stepState(this.state, name).done !== 'yes');
    if (next === undefined) this.say({ type: 'saga.completed', data: {} });
    else this.ask(next.name, 'forward');
  }

  compensate(cause: CompensationCause, step: string | null, reason: string, who?: string): void {
    this.say({ type: 'saga.compensating', data: { cause, step, reason, ...(who !== undefined && { who }) } });
    this.undoNext();
  }

  /** Undoes the last step of those that are done, or may be; or ends. It never ends well over what an earlier definition
   *  of it has begun: that is for a person, who may declare the step again. */
  undoNext(): void {
    const last = this.definition.steps.findLast(({ name }) => this.owes(name));
    if (last !== undefined) return this.ask(last.name, 'back');
    const step = Object.keys(this.state.steps).findLast((name) => !this.#isDeclared(name) && this.#isOpen(name));
    if (step === undefined) this.say({ type: 'saga.compensated', data: {} });
    else this.say({ type: 'saga.failed', data: { step, reason: `the saga has no step ${step} any more` } });
  }

  /** Whether something is there to undo, or may be. */
  owes(name: string): boolean {
    const canBeUndone = this.definition.steps.some((step) => step.name === name && step.back !== undefined);
    return canBeUndone && this.#isOpen(name);
  }

  #isOpen(name: string): boolean {
    const { done, undone } = stepState(this.state, name);
    return (done === 'yes' || done === 'maybe') && undone !== 'yes';
  }

  #isDeclared(name: string): boolean {
    return this.definition.steps.some((step) => step.name === name);
  }

  /** A try has failed: another one follows when its time comes, or the step is given up. */
  fail(name: string, direction: Direction, cause: FailureCause, reason: string, message: MessageRef | null): void {
    const way = wayOf(this.definition, name, direction);
    const { commands, counted } = stepState(this.state, name)[direction];
    const again = cause === 'timeout' || (cause === 'answer' && way.retries(reason));
    const isOwed = direction === 'forward' || this.owes(name);
    const delay = again && isOwed ? way.retryDelays[counted - 1] : undefined;
    const retryAt = delay === undefined ? null : this.#after(delay);
    const attempt = commands.length;
    this.say({
      type: 'saga.step_failed',
      data: { step: name, direction, attempt, cause, reason, message, retryAt },
    });
    if (retryAt !== null) return;
    if (direction === 'forward') this.compensate('step_failed', name, reason);
    else if (!isOwed) this.undoNext();
    else this.say({ type: 'saga.failed', data: { step: name, reason } });
  }

  patienceOf(name: string, direction: Direction): number {
    return wayOf(this.definition, name, direction).timeout;
  }

  #after(milliseconds: number): string {
    return new Date(this.now + milliseconds).toISOString();
  }
}
