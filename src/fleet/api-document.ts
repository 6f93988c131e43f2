import { openApi } from '../api/openapi/document.js';
import type { JsonSchema } from '../events/schema-fields.js';
import type { Fleet } from './define-fleet.js';

/** The OpenAPI document of the routes of a fleet, which is committed and compared; undefined without an API. It does not
 *  depend on how the API is deployed, and names no version unless the fleet does. */
export function committedDocument({ api }: Fleet, settings: Record<string, unknown>): JsonSchema | undefined {
  if (api === undefined) return undefined;
  const info = { title: api.store, version: '1', ...api.info };
  const document = openApi(api.routes(settings), info, { token: true, documents: [] });
  return JSON.parse(JSON.stringify(document)) as JsonSchema;
}
