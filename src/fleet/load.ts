import type { z } from 'zod';

/** Where a load is put. */
export interface LoadContext {
  /** The URL of the API, without a slash at its end. */
  readonly api: string;
  /** Of the API. */
  readonly token: string | undefined;
  /** Aborts when no more is sent. */
  readonly signal: AbortSignal;
}

/** What became of an accepted item. */
export interface EndedItem {
  readonly id: string;
  readonly outcome: 'done' | 'failed';
  /** From its acceptance to its end. */
  readonly milliseconds: number;
}

/** A load that is ready to run. */
export interface RunningLoad {
  /** Sends one item. Resolves with its id when it is accepted; rejects if it is refused. */
  readonly send: () => Promise<string>;
  /** Those of the given items that have ended; the others are asked for again. Called at intervals. */
  readonly ended: (open: readonly string[]) => Promise<readonly EndedItem[]>;
  /** Releases what it has opened. */
  readonly close?: () => Promise<void>;
}

/** The declaration of a load for a running fleet, `flotilla simulate <name>`. */
export interface LoadDeclaration<Options extends z.ZodObject = z.ZodObject> {
  /** For `flotilla simulate`. */
  readonly description: string;
  /** The options of the command line, all of them texts: `tokens` from --tokens. One whose schema accepts an empty text
   *  needs no value. */
  readonly options: Options;
  /** Prepares the load, such as users and stock. */
  readonly start: (options: z.output<Options>, context: LoadContext) => Promise<RunningLoad>;
}

/** A load with any options. */
export interface Load extends Pick<LoadDeclaration, 'description' | 'options'> {
  readonly start: (options: Record<string, unknown>, context: LoadContext) => Promise<RunningLoad>;
}

/** Defines a load, for `simulations` of the fleet. */
export function defineLoad<Options extends z.ZodObject>(declared: LoadDeclaration<Options>): Load {
  const { description, options, start } = declared;
  return { description, options, start: (given, context) => start(options.parse(given), context) };
}
