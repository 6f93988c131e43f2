import type { Definitions } from '../events/definitions.js';
import type { JsonSchema } from '../events/schema-fields.js';
import { checkCatalogue, outdatedFiles, type Committed, type GateResult } from './gate.js';
import { checkApi } from './http.js';
import type { RetiredVersion } from './retired.js';

/** What a fleet promises to others: its messages, and the OpenAPI document of its API if it has one. */
export interface Contracts {
  definitions: Definitions;
  api?: JsonSchema | undefined;
}

/** Compares the messages and the API of a fleet with everything that is committed of them; retired versions of messages may
 *  be absent. */
export function checkContracts(
  { definitions, api }: Contracts,
  committed: Committed,
  retired: readonly RetiredVersion[],
): GateResult {
  const result = checkCatalogue(definitions, committed, retired);
  if (committed.api === undefined) return result;
  const { findings, compared } = checkApi(committed.api, api ?? {});
  return { ...result, findings: [...result.findings, ...findings], comparedOperations: compared };
}

/** Returns the part of the messages and the API whose files are missing or differ. */
export function outdatedContracts({ definitions, api }: Contracts, committed: Committed): Committed {
  const isOutdated = api !== undefined && JSON.stringify(api) !== JSON.stringify(committed.api);
  return { ...outdatedFiles(definitions, committed), ...(isOutdated && { api }) };
}
