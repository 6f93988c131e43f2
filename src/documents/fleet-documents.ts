import type { ApiDocument } from '../api/documents/api-document.js';
import type { ApiInfo } from '../api/openapi/document.js';
import { readCommitted } from '../contracts/committed.js';
import type { CommittedSamples } from '../contracts/samples.js';
import { messageOf as errorMessageOf } from '../errors.js';
import type { Fleet } from '../fleet/define-fleet.js';
import type { Logger } from '../telemetry/logger.js';
import { asyncApi } from './asyncapi/document.js';
import { describeFleet, type FleetDescription } from './describe-fleet.js';
import { httpPage } from './pages/http.js';
import { messagePage } from './pages/message.js';
import { messagesPage } from './pages/messages.js';
import { overviewPage } from './pages/overview.js';
import { listOperation, messageOf, schemaListOf, schemaOperation, versionOf } from './schemas.js';
import { staticFiles } from './static-files.js';

export interface FleetDocumentsOptions {
  info: ApiInfo;
  /** The prefix of every name in the broker. */
  prefix: string;
  /** The folder with the committed samples, `schemas/`. Without them, examples are generated from the schemas. */
  root: string;
  logger: Logger;
}

const JSON_UTF8 = 'application/json; charset=utf-8';

const HTML = 'text/html; charset=utf-8';
const STYLE = "style-src 'self'; img-src data:";
/** Swagger UI reads openapi.json, and sends the requests of "Try it out" to the API. */
const SCRIPTS = `${STYLE}; script-src 'self'; connect-src 'self'`;

/** The documents of a fleet: AsyncAPI, the schemas of messages, and pages for people. They are generated at the first request, because most
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
    ...pages(describe),
    ...staticFiles(),
  ];
}

function pages(describe: () => Promise<FleetDescription>): ApiDocument[] {
  const common = { contentType: HTML, cache: 'revalidate', loads: STYLE } as const;
  return [
    { ...common, path: '/docs', content: async ({ baseUrl }) => overviewPage(await describe(), baseUrl) },
    {
      ...common,
      path: '/docs/http',
      loads: SCRIPTS,
      content: async ({ baseUrl }) => httpPage(await describe(), baseUrl),
    },
    { ...common, path: '/docs/events', content: async ({ baseUrl }) => messagesPage(await describe(), baseUrl) },
    {
      ...common,
      path: '/docs/events/:type',
      content: async ({ params: { type }, baseUrl }) => {
        const fleet = await describe();
        return messagePage(fleet, messageOf(fleet, type), baseUrl);
      },
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
