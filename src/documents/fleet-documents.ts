import type { ApiDocument } from '../api/documents/api-document.js';
import type { ApiInfo } from '../api/openapi/document.js';
import { readCommitted } from '../contracts/committed.js';
import type { CommittedSamples } from '../contracts/samples.js';
import { messageOf as errorMessageOf } from '../errors.js';
import type { Fleet } from '../fleet/define-fleet.js';
import type { Logger } from '../telemetry/logger.js';
import { asyncApi } from './asyncapi/document.js';
import { describeFleet, type FleetDescription } from './describe-fleet.js';
import { listOperation, messageOf, schemaListOf, schemaOperation, versionOf } from './schemas.js';

export interface FleetDocumentsOptions {
  info: ApiInfo;
  /** The prefix of every name in the broker. */
  prefix: string;
  /** The folder with the committed samples, `schemas/`. Without them, examples are generated from the schemas. */
  root: string;
  logger: Logger;
}

const JSON_UTF8 = 'application/json; charset=utf-8';

/** The documents of a fleet: AsyncAPI, and the schemas of messages. They are generated at the first request, because most
 *  processes are never asked for them. */
export function fleetDocuments(fleet: Fleet, { info, prefix, root, logger }: FleetDocumentsOptions): ApiDocument[] {
  let described: Promise<FleetDescription> | undefined;
  const describe = () =>
    (described ??= readSamples(root, logger).then((samples) => describeFleet(fleet, { info, prefix, samples })));
  let asyncApiText: string | undefined;
  return [
    {
      path: '/asyncapi.json',
      contentType: JSON_UTF8,
      cache: 'revalidate',
      operation: {
        operationId: 'getAsyncApi',
        summary: 'Read the description of the messages',
        description: 'AsyncAPI 3.0: every message type and version, and the processes that send and receive them.',
      },
      content: async () => (asyncApiText ??= JSON.stringify(asyncApi(await describe()))),
    },
    {
      path: '/schemas',
      contentType: JSON_UTF8,
      cache: 'revalidate',
      operation: listOperation,
      content: async ({ baseUrl }) => JSON.stringify(schemaListOf(await describe(), baseUrl)),
    },
    {
      path: '/schemas/:type/:version',
      contentType: 'application/schema+json; charset=utf-8',
      cache: 'hour',
      operation: schemaOperation,
      content: async ({ params: { type, version } }) =>
        JSON.stringify(versionOf(messageOf(await describe(), type), version).schema, undefined, 2),
    },
  ];
}

/** Examples are not worth a failed request. */
async function readSamples(root: string, logger: Logger): Promise<readonly CommittedSamples[]> {
  try {
    return (await readCommitted(root)).samples;
  } catch (error) {
    logger.warn('the committed samples cannot be read; examples are generated', { error: errorMessageOf(error) });
    return [];
  }
}
