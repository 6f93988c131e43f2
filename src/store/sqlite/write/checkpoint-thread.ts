import { Worker } from 'node:worker_threads';

/** Memory of the thread, which runs one statement. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/** A thread that copies the write-ahead log of a store to its database and syncs both, which takes long on a slow disk.
 *  Starts with the first checkpoint. */
export class CheckpointThread {
  #worker: Worker | undefined;
  #ended: Promise<void> | undefined;
  /** The call that waits for the thread. */
  #call: { resolve: (failure: string | undefined) => void; reject: (reason: Error) => void } | undefined;

  constructor(private readonly path: string) {}

  /** Runs one checkpoint. Resolves with the code of SQLite if it failed. Rejects if the thread ends; the next call starts
   *  another one. One call at a time. */
  checkpoint(): Promise<string | undefined> {
    const worker = (this.#worker ??= this.#start());
    worker.ref(); // otherwise the process could end although something waits for the thread
    return new Promise((resolve, reject) => {
      this.#call = { resolve, reject };
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
    worker.on('message', (failure: string | undefined) => {
      worker.unref();
      this.#call?.resolve(failure);
      this.#call = undefined;
    });
    this.#ended = new Promise((resolve) => {
      const end = (reason: Error) => {
        resolve();
        if (this.#worker !== worker) return;
        this.#worker = undefined;
        this.#call?.reject(reason);
        this.#call = undefined;
      };
      worker.once('error', end);
      worker.once('exit', (code) => {
        end(new Error(`the thread of checkpoints ended with ${code}`));
      });
    });
    return worker;
  }
}
