import { storeDeadLetter } from '../../../dead-letters/storage/store-dead-letter.js';
import type { DeadLetter, DeadLetterFacts } from '../../../dead-letters/dead-letter.js';
import { migrateDeadLetters } from '../../../dead-letters/storage/migrations.js';
import { readDeadLetter } from '../../../dead-letters/keeper/read-dead-letter.js';
import type { Store } from '../../../store/store.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import type { QueuedMessage } from '../broker/queue.js';

/** Collects the dead letters of a run. If a worker handles `message.dead_lettered`, they are also stored in the store
 *  `ops`, as by the real keeper, which emits that event. */
export class SimulatedKeeper {
  readonly deadLetters: DeadLetterFacts[] = [];
  readonly #isAnnounced: boolean;
  #ops: Promise<Store> | undefined;

  constructor(
    private readonly definitions: readonly WorkerDefinition[],
    private readonly options: { openOps: () => Store; now: () => number; fail: (error: unknown) => void },
  ) {
    this.#isAnnounced = definitions.some(({ handlerOf }) => handlerOf.has('message.dead_lettered'));
  }

  collect(worker: string, { body, properties }: QueuedMessage): void {
    const { now, fail } = this.options;
    const definitions = this.definitions.find(({ name }) => name === worker)?.definitions ?? {};
    const deadLetter = readDeadLetter({ body, properties }, worker, definitions, now());
    if (this.deadLetters.some(({ id }) => id === deadLetter.id)) return;
    this.deadLetters.push(deadLetter);
    if (this.#isAnnounced) this.#announce(deadLetter).catch(fail);
  }

  async #announce(deadLetter: DeadLetter): Promise<void> {
    this.#ops ??= this.#open();
    await storeDeadLetter(await this.#ops, deadLetter, this.options.now());
  }

  async #open(): Promise<Store> {
    const store = this.options.openOps();
    await migrateDeadLetters(store);
    return store;
  }
}
