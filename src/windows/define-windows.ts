import { parseDuration } from '../duration.js';
import { FlotillaError } from '../errors.js';
import type { DataOf, Definitions } from '../events/definitions.js';
import { typesMatching, type EventFor, type NoTypeMatches, type TypeName } from '../events/handler-types.js';
import type { EventEnvelope } from '../events/envelope.js';
import { bySpecificity, isAmbiguous } from '../events/patterns.js';
import { wrapDefinition } from '../opaque.js';
import { isPlainName } from '../text/plain-name.js';
import type { Fold, Split, Windows, WindowsDefinition } from './definition.js';
import type { EventPart } from './event-part.js';
import type { WindowShape } from './shapes.js';
import type { WindowData } from './window-result.js';

/** The types whose data has a `window`, see `windowResult`. */
type ResultType<D extends Definitions> = {
  [T in TypeName<D>]: DataOf<D, T> extends { window: WindowData } ? T : never;
}[TypeName<D>];

/** What a function receives for the pattern `K`: an event, or a part of it: the event with the data of the part. */
type Counted<D extends Definitions, K extends string, Parts> = K extends keyof Parts
  ? EventFor<D, K> extends EventEnvelope<infer Type>
    ? EventEnvelope<Type, Parts[K]>
    : never
  : EventFor<D, K>;

/** Replaces the type of a `split` without a fold, so that the compiler error names the pattern. */
interface NoFold<Pattern> {
  '`on` has no fold of this pattern': Pattern;
}

interface CommonOptions<D extends Definitions, P extends string, State, R extends ResultType<D>, Parts> {
  /** Lower-case letters, digits and dashes. Results have the subject `<name>/<key>`. */
  name: string;
  /** From 1. Increment it when the results change their meaning: with the window, `grace`, `split`, `key`, `initial`, a
   *  fold, `merge` or `result`. A new version starts with empty state at the oldest event of the log, beside the state of the
   *  old one. */
  version: number;
  /** How long events may be out of order: a window is closed when an event that is newer than its end by this time has
   *  arrived from every active source. */
  grace: number | string;
  /** The time without an event after which a source no longer delays the closing of windows. @default '30s' */
  idleAfter?: number | string;
  /** For events that arrive after their window was closed. `correct`: emit the result again, with the next revision.
   *  `ignore`: count them only. Each has a row, see `flotilla windows late`. @default 'correct' */
  late?: 'correct' | 'ignore';
  /** How long after its closing a window can be corrected; its state is stored until then. @default '24h' */
  correctFor?: number | string;
  /** Emits results of windows that are not closed, at most once in this time. @default no early results */
  early?: number | string;
  /** Splits events into parts, at most 10,000, each of which is counted like an event: by a type or pattern of `on`. Write
   *  it before `time`, `key` and `on`: there, these functions receive the event with the data of a part. The parts of an
   *  event arrive together: none makes another one late. @default events are not split */
  split?: { readonly [K in keyof Parts]: (event: EventFor<D, K & string>) => readonly EventPart<Parts[K]>[] } & {
    readonly [K in Exclude<keyof Parts, P>]: NoFold<K>;
  };
  /** Returns the event time, as RFC 3339. @default the `time` of the event */
  time?: (event: Counted<D, P, Parts>) => string;
  /** Groups the events; each group has windows of its own. One line of at most 256 characters. @default one group, 'all' */
  key?: (event: Counted<D, P, Parts>) => string;
  /** The state of a window without events. Must consist of JSON values, as must every other state. */
  initial: () => State;
  /** Folds by type or topic pattern: each adds an event to a state, may change that state, and returns the new one.
   *  They depend on nothing else (no clock, no random numbers). The most specific one is called. */
  on: {
    readonly [K in P]: [EventFor<D, K>] extends [never] | (K extends `${string}@${string}` ? unknown : never)
      ? NoTypeMatches<K>
      : (state: State, event: Counted<D, K, Parts>) => State;
  };
  /** The type of the results: its data has a `window`, see `windowResult`. */
  emits: R;
  /** Returns the data of a result without its `window`. */
  result: (state: State, window: WindowData) => Omit<DataOf<D, R>, 'window'>;
}

interface Merge<State> {
  /** Combines the states of two intervals that follow each other, and changes neither. */
  merge: (a: State, b: State) => State;
}

export type WindowsOptions<
  D extends Definitions,
  P extends string,
  State,
  R extends ResultType<D>,
  Parts,
> = CommonOptions<D, P, State, R, Parts> &
  (
    | ({ window: WindowShape<'tumbling'> } & Partial<Merge<State>>)
    | ({ window: WindowShape<'hopping' | 'sliding'> } & Merge<State>)
  );

/** `defineWindows` of a catalogue. */
export type DefineWindows<D extends Definitions> = <
  const P extends string,
  State,
  const R extends ResultType<D>,
  Parts = unknown,
>(
  options: WindowsOptions<D, P, State, R, Parts>,
) => Windows;

const MAX_PANES = 1_000;

/** Returns the `defineWindows` of a catalogue. It throws `windows.bad_definition` for mistakes that the compiler does
 *  not detect. */
export function windowsDefiner<D extends Definitions>(definitions: D): DefineWindows<D> {
  return (options) => {
    const { name, version, window, late = 'correct', emits, early } = options;
    const fail = (detail: string) => new FlotillaError('windows.bad_definition', `${name}: ${detail}`);
    if (!isPlainName(name)) throw fail('the name must consist of lower-case letters, digits and single dashes');
    if (!Number.isSafeInteger(version) || version < 1) throw fail('the version must be a whole number, 1 or more');
    checkShape(window, fail);
    if (!(emits in definitions)) throw fail(`it emits the unknown type ${emits}`);
    const { foldOf, splitOf } = folds(definitions, options.on, options.split ?? {}, fail);
    if (foldOf.has(emits)) throw fail(`it emits ${emits}, which it also handles`);
    // the compiler has checked the functions against the catalogue; from here on they accept any event
    const definition: WindowsDefinition = {
      ...{ name, version, definitions, window, late, emits, foldOf, splitOf },
      grace: parseDuration(options.grace),
      idleAfter: parseDuration(options.idleAfter ?? '30s'),
      correctFor: late === 'ignore' ? 0 : parseDuration(options.correctFor ?? '24h'),
      early: early === undefined ? undefined : parseDuration(early),
      time: options.time as WindowsDefinition['time'],
      key: (options.key ?? (() => 'all')) as WindowsDefinition['key'],
      initial: options.initial,
      merge: (options.merge ?? ((state: unknown) => state)) as WindowsDefinition['merge'],
      result: options.result as WindowsDefinition['result'],
    };
    return wrapDefinition(definition);
  };
}

function checkShape({ size, every }: WindowShape, fail: (detail: string) => Error): void {
  if (![size, every].every((length) => Number.isSafeInteger(length) && length >= 1)) {
    throw fail('a window is 1ms or longer, in whole milliseconds');
  }
  if (size % every !== 0) throw fail('`every` must divide the size of a window');
  if (size / every > MAX_PANES) throw fail(`a window is at most ${MAX_PANES} times as long as \`every\``);
}

function folds(
  definitions: Definitions,
  on: Readonly<Record<string, unknown>>,
  split: Readonly<Record<string, unknown>>,
  fail: (detail: string) => Error,
): Pick<WindowsDefinition, 'foldOf' | 'splitOf'> {
  const patterns = Object.keys(on).sort(bySpecificity);
  if (patterns.length === 0) throw fail('it handles nothing');
  const unused = Object.keys(split).find((pattern) => !(pattern in on));
  if (unused !== undefined) throw fail(`it splits ${unused}, which is not in \`on\``);
  const table = new Map<string, string>();
  for (const pattern of patterns) {
    const types = typesMatching(definitions, pattern);
    if (types.length === 0) throw fail(`no type matches the pattern ${pattern}`);
    for (const type of types) {
      const known = table.get(type);
      if (known === undefined) table.set(type, pattern);
      else if (isAmbiguous(known, pattern)) {
        throw fail(`${type} is handled by ${known} and ${pattern}, neither more specific`);
      }
    }
  }
  return {
    foldOf: new Map([...table].map(([type, pattern]) => [type, on[pattern] as Fold])),
    splitOf: new Map(
      [...table].flatMap(([type, pattern]) => (pattern in split ? [[type, split[pattern] as Split]] : [])),
    ),
  };
}
