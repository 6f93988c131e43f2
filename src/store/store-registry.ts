import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { FlotillaError } from '../errors.js';
import { makeDirectory } from '../files/make-directory.js';

const record = z.object({
  /** The id of the store. */
  id: z.uuid(),
  /** Its location when it was registered; for messages. */
  path: z.string(),
  /** RFC 3339. */
  since: z.string(),
});

export type StoreRecord = z.infer<typeof record>;

const ids = z.array(z.uuid());

/** Records which store each service of this data directory has, in one file per service, so that a lost store is
 *  never silently replaced by an empty one. */
export class StoreRegistry {
  /** `dir` is created with the first record. */
  constructor(readonly dir: string) {}

  /** Returns the record of a service; undefined if it never had a store here. Throws `store.damaged` for an
   *  unreadable record. */
  find(service: string): StoreRecord | undefined {
    return this.#read(this.#fileOf(service), record);
  }

  /** Records the store of a service, replacing an earlier one. Durable on return. */
  set(service: string, found: StoreRecord): void {
    this.#write(this.#fileOf(service), found);
    const abandoned = this.abandoned(service);
    if (!abandoned.includes(found.id)) return;
    const others = abandoned.filter((id) => id !== found.id);
    this.#write(this.#abandonedFileOf(service), others);
  }

  /** Returns the ids of abandoned stores of a service: its current store may take over their claims in the broker. */
  abandoned(service: string): string[] {
    return this.#read(this.#abandonedFileOf(service), ids) ?? [];
  }

  /** Abandons the store of a service: the next process creates a new one. Durable on return. */
  abandon(service: string): void {
    const known = this.find(service);
    if (known === undefined) return;
    this.#write(this.#abandonedFileOf(service), [...new Set([...this.abandoned(service), known.id])]);
    rmSync(this.#fileOf(service), { force: true });
    this.#syncFolder();
  }

  #fileOf(service: string): string {
    return join(this.dir, `${service}.json`);
  }

  #abandonedFileOf(service: string): string {
    return join(this.dir, `${service}.given-up.json`);
  }

  /** Returns undefined if the file does not exist. Throws `store.damaged` if it is unreadable. */
  #read<T>(file: string, schema: z.ZodType<T>): T | undefined {
    try {
      return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw new FlotillaError(
        'store.damaged',
        `${file} is not a record of a store; remove it to register the store again`,
      );
    }
  }

  #write(file: string, value: unknown): void {
    makeDirectory(this.dir);
    const next = `${file}.${process.pid}.next`;
    const descriptor = openSync(next, 'w', 0o600);
    try {
      writeSync(descriptor, `${JSON.stringify(value, null, 2)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(next, file);
    this.#syncFolder();
  }

  /** Syncs the folder: only then is a new file name durable. */
  #syncFolder(): void {
    const descriptor = openSync(this.dir, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}
