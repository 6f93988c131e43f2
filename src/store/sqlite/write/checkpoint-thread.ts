import { Worker } from 'node:worker_threads';

/** Memory of the thread, which runs one statement. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/** A thread that copies the write-ahead log of a store to its database and syncs both, which takes long on a slow disk.
 *  Starts with the first checkpoint. */
export class CheckpointThread {
  #worker: Worker | undefined;
  /** Resolves with the reason when the thread has ended. */
  #ended: Promise<Error> | undefined;

  constructor(private readonly path: string) {}

  /** Runs one checkpoint. Resolves with the code of SQLite if it failed. Rejects if the thread ends; the next call starts
   *  another one. One call at a time. */
  checkpoint(): Promise<string | undefined> {
    const worker = (this.#worker ??= this.#start());
    worker.ref(); // otherwise the process could end although something waits for the thread
    return new Promise((resolve, reject) => {
      worker.once('message', (failure: string | undefined) => {
        worker.unref();
        resolve(failure);
      });
      void this.#ended?.then(reject);
      worker.postMessage(true);
    });
  }

  /** Ends the thread after its current checkpoint. */
  async close(): Promise<void> {
    const [worker, ended] = [this.#worker, this.#ended];
    this.#worker = undefined;
    worker?.ref();
    worker?.postMessage(false);
    await ended;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./checkpoint-program.js', import.meta.url), {
      workerData: this.path,
      resourceLimits: LIMITS,
    });
    this.#ended = new Promise((resolve) => {
      const end = (reason: Error) => {
        if (this.#worker === worker) this.#worker = undefined;
        resolve(reason);
      };
      worker.once('error', end);
      worker.once('exit', (code) => {
        end(new Error(`the thread of checkpoints ended with ${code}`));
      });
    });
    return worker;
  }
}
