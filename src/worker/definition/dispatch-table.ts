import { dataschemaOf, type Definitions } from '../../events/definitions.js';
import { matchesType } from '../../events/handler-types.js';
import type { DefinedHandler, ErasedHandler, WorkerDefinition } from './worker-definition.js';

/** The handler of each type, and the versions in which they receive events. Expects `handlers` sorted by specificity,
 *  most specific first. */
export function dispatchTable(
  definitions: Definitions,
  handlers: readonly DefinedHandler[],
): Pick<WorkerDefinition, 'handlerOf' | 'requested'> {
  const handlerOf = new Map<string, ErasedHandler>();
  const requested = new Map<string, readonly number[]>();
  for (const [type, { latest }] of Object.entries(definitions)) {
    const matching = handlers.filter(({ pattern }) => matchesType(definitions, pattern, type));
    const fallback = matching.find(({ version }) => version === undefined);
    const byVersion = new Map(fallback === undefined ? [] : [[latest, fallback.handle]]);
    for (const { version, handle } of matching) if (version !== undefined) byVersion.set(version, handle);
    const [handle] = byVersion.values();
    if (handle === undefined) continue;
    handlerOf.set(type, byVersion.size === 1 ? handle : oneOf(type, byVersion));
    if (matching.some(({ version }) => version !== undefined)) requested.set(type, sorted(byVersion.keys()));
  }
  return { handlerOf, requested: requested.size === 0 ? undefined : requested };
}

/** A handler that passes an event to the handler of its version. The event is decoded to a requested version. */
function oneOf(type: string, byVersion: ReadonlyMap<number, ErasedHandler>): ErasedHandler {
  const bySchema = new Map([...byVersion].map(([version, handle]) => [dataschemaOf(type, version), handle]));
  return (event, ctx) => bySchema.get(event.dataschema)?.(event, ctx);
}

function sorted(versions: Iterable<number>): number[] {
  return [...versions].sort((a, b) => a - b);
}
