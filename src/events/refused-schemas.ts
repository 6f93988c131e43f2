import type { z } from 'zod';
import { nameOfRule, partsOf } from './named-rules.js';

/** Schemas that a message must not have, by their type in zod, with the reason. */
const REFUSED: Readonly<Record<string, string>> = {
  default: 'a default adds data that the publisher did not send',
  prefault: 'a default adds data that the publisher did not send',
  catch: 'a catch replaces data that the publisher sent',
  transform: 'a transform changes data, so that it no longer is what was stored',
  pipe: 'a transform, codec or preprocess changes data, so that it no longer is what was stored',
  date: 'JSON has no dates: use z.iso.datetime()',
  bigint: 'JSON has no big integers: use z.int(), or text with a pattern',
  map: 'JSON has no maps: use z.record()',
  set: 'JSON has no sets: use z.array()',
  undefined: 'JSON has no undefined: use .optional()',
  void: 'JSON has no undefined: use .optional()',
  symbol: 'JSON has no symbols',
  nan: 'JSON has no NaN',
  function: 'JSON has no functions',
  promise: 'JSON has no promises',
  file: 'JSON has no files',
  custom: 'a custom check has no name: use rule(name, schema, holds)',
};

const COERCE = 'coerce changes data: the publisher must send the type';
const OVERWRITE = 'a trim or change of case changes data: check it by a pattern';
const UNNAMED = 'a refinement has no name: use rule(name, schema, holds)';

/** Why a schema cannot be that of a message, with the path of the part; undefined if it can. The data of a message are
 *  stored for ever and read by programs in other languages, so a schema checks and never changes them, and every check
 *  is either part of JSON Schema or has a name. */
export function refusalOf(schema: z.core.$ZodType): string | undefined {
  for (const [part, path] of partsOf(schema)) {
    const reason = reasonOf(part._zod.def);
    if (reason !== undefined) return path === '' ? reason : `${path}: ${reason}`;
  }
  return undefined;
}

function reasonOf(def: z.core.$ZodTypeDef): string | undefined {
  const refused = REFUSED[def.type];
  if (refused !== undefined) return refused;
  if ('coerce' in def && def.coerce === true) return COERCE;
  for (const check of def.checks ?? []) {
    const { check: kind } = check._zod.def;
    if (kind === 'overwrite') return OVERWRITE;
    if (kind === 'custom' && nameOfRule(check) === undefined) return UNNAMED;
  }
  return undefined;
}
