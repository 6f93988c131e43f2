import type { Definitions } from '../events/definitions.js';
import { unwrapDefinition, type Opaque } from '../opaque.js';
import type { EventPart } from './event-part.js';
import type { WindowShape } from './shapes.js';
import type { WindowData } from './window-result.js';

/** Adds an event to the state of a pane. */
export type Fold = (state: unknown, event: unknown) => unknown;

/** Returns the parts of an event. */
export type Split = (event: unknown) => readonly EventPart<unknown>[];

/** A window definition as the runtime sees it: erased types, defaults filled in, durations in milliseconds. */
export interface WindowsDefinition {
  readonly name: string;
  /** Incremented with every change of what results mean. */
  readonly version: number;
  readonly definitions: Definitions;
  readonly window: WindowShape;
  readonly grace: number;
  readonly idleAfter: number;
  readonly late: 'correct' | 'ignore';
  /** 0 for `ignore`. */
  readonly correctFor: number;
  /** Undefined: no early results. */
  readonly early: number | undefined;
  /** Undefined: the event time is the `time` of the event. */
  readonly time: ((event: unknown) => string) | undefined;
  readonly key: (event: unknown) => string;
  readonly initial: () => unknown;
  /** The fold of each type. */
  readonly foldOf: ReadonlyMap<string, Fold>;
  /** How the events of some types are split. */
  readonly splitOf: ReadonlyMap<string, Split>;
  readonly merge: (a: unknown, b: unknown) => unknown;
  /** The type of the results. */
  readonly emits: string;
  readonly result: (state: unknown, window: WindowData) => object;
}

/** A window computation, for `windows` of a worker. */
export type Windows = Opaque<'windows'>;

export function windowsDefinitionOf(windows: Windows): WindowsDefinition {
  return unwrapDefinition(windows) as WindowsDefinition;
}

/** The name of a version of a definition: each has its own state, checkpoint and lease. */
export function versionName({ name, version }: Pick<WindowsDefinition, 'name' | 'version'>): string {
  return `windows:${name}@${version}`;
}
