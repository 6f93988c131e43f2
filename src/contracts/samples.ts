import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../errors.js';
import type { z } from 'zod';
import { loose, upcastData } from '../events/decode.js';
import type { MessageDefinition } from '../events/definition.js';
import { definitionOf, type Definitions } from '../events/definitions.js';
import { exampleOf, type ExampleOptions } from './examples.js';
import { publishedSchema } from './published-schema.js';
import { RULES } from './rules.js';
import type { Json } from './shape.js';

/** Data of one version, with their form in the newest version. Committed, so that an upcaster cannot change in
 *  silence. */
export interface Samples {
  /** The newest version when the samples were written. */
  newest: number;
  samples: { data: Json; upcast: Json }[];
}

/** The samples of a version; undefined if they are not committed. */
export interface CommittedSamples {
  type: string;
  version: number;
  samples: Samples;
}

/** A sample that the catalogue no longer reads as before. */
export interface SampleFinding {
  rule: 'upcast-changed' | 'upcast-refused' | 'sample-refused';
  type: string;
  version: number;
  /** The index of the sample in its file. */
  index: number;
  data: Json;
  expected: Json;
  actual?: Json;
  why: string;
}

/** Fewer samples show too little. */
export const MIN_SAMPLES = 3;

const VARIANTS: readonly ExampleOptions[] = [
  { optional: false, pick: 0 },
  { optional: true, pick: 0 },
  { optional: true, pick: 1 },
  { optional: false, pick: 1 },
  { optional: true, pick: 2 },
  { optional: true, pick: 3 },
];

/** Generates samples of one version; fewer than `MIN_SAMPLES` if no more are found. */
export function generateSamples(type: string, version: number, definition: MessageDefinition): Samples {
  const root = publishedSchema(type, version, definition);
  const found: Samples['samples'] = [];
  for (const variant of VARIANTS) {
    const data = exampleOf({ schema: root, root }, variant);
    const isNew = data !== undefined && found.every((sample) => !isDeepStrictEqual(sample.data, data));
    if (!isNew || definition.versions[version]?.safeParse(data).success !== true) continue;
    const upcast = upcastData(definition, data, version, definition.latest) as Json;
    if (found.length < MIN_SAMPLES) found.push({ data, upcast });
  }
  return { newest: definition.latest, samples: found };
}

/** Reads every committed sample with the catalogue: its version must accept the data, and the upcasters must give the
 *  committed result, which the newest version accepts. Samples that were written before a newer version exist are compared
 *  with the version that was the newest then. */
export function checkSamples(definitions: Definitions, committed: readonly CommittedSamples[]): SampleFinding[] {
  return committed.flatMap(({ type, version, samples: { newest, samples } }) => {
    const definition = definitionOf(definitions, type);
    // the gate reports a removed type or version
    if (definition?.versions[version] === undefined || newest > definition.latest) return [];
    return samples.flatMap(({ data, upcast: expected }, index): SampleFinding[] => {
      const sample = { type, version, index, data, expected };
      const read = definition.versions[version]?.safeParse(data);
      if (read?.success === false) return [{ rule: 'sample-refused', ...sample, why: textOf(read.error) }];
      const refused = refusedUpcast(definition, version, data);
      if (refused !== undefined) return [{ rule: 'upcast-refused', ...sample, ...refused }];
      const actual = attempt(() => upcastData(definition, data, version, newest) as Json);
      if ('error' in actual)
        return [{ rule: 'upcast-changed', ...sample, why: `The upcaster throws ${actual.error}.` }];
      if (isDeepStrictEqual(actual.value, expected)) return [];
      return [{ rule: 'upcast-changed', ...sample, actual: actual.value, why: RULES['upcast-changed'].why }];
    });
  });
}

/** Data that the upcasters make and the newest version refuses; undefined if it accepts them. */
function refusedUpcast(definition: MessageDefinition, version: number, data: Json) {
  const newest = definition.versions[definition.latest];
  if (newest === undefined || version === definition.latest) return undefined;
  const made = attempt(() => upcastData(definition, data, version, definition.latest) as Json);
  if ('error' in made) return undefined;
  const { error } = loose(newest).safeParse(made.value);
  return error && { actual: made.value, why: `Version ${definition.latest} refuses it: ${textOf(error)}` };
}

function textOf({ issues: [issue] }: z.ZodError): string {
  return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
}

function attempt<T>(work: () => T): { value: T } | { error: string } {
  try {
    return { value: work() };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

/** The samples whose files must be written: missing ones, and those written before a newer version. Samples keep their
 *  data. */
export function outdatedSamples(definitions: Definitions, committed: readonly CommittedSamples[]): CommittedSamples[] {
  return Object.entries(definitions).flatMap(([type, definition]) =>
    Object.keys(definition.versions).flatMap((key) => {
      const version = Number(key);
      const found = committed.find((each) => each.type === type && each.version === version)?.samples;
      if (found?.newest === definition.latest) return [];
      if (found === undefined) return [{ type, version, samples: generateSamples(type, version, definition) }];
      const samples = found.samples.map(({ data }) => ({
        data,
        upcast: upcastData(definition, data, version, definition.latest) as Json,
      }));
      return [{ type, version, samples: { newest: definition.latest, samples } }];
    }),
  );
}
