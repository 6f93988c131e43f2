import { openApi } from '../../src/api/openapi/document.js';
import { errorResponses, problems, problemType, type ProblemType } from '../../src/api/problems/problems.js';
import { fleetDocuments } from '../../src/documents/fleet-documents.js';
import type { ErrorCode } from '../../src/errors.js';
import { schemaFields, typeText, type JsonSchema } from '../../src/events/schema-fields.js';
import type { Fleet } from '../../src/fleet/define-fleet.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { code, page, plain, table } from './markdown.js';

type Node = Readonly<Record<string, unknown>>;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** The problem types of the HTTP server, and those of the library that an API returns. */
export function serverProblems(): ProblemType[] {
  return [...Object.keys(problems), ...Object.keys(errorResponses)].map((each) =>
    problemType(each as keyof typeof problems | ErrorCode),
  );
}

/** Returns the problem types that the routes of a fleet declare, without duplicates. */
export function routeProblems(fleet: Fleet): ProblemType[] {
  const known = new Set(serverProblems().map((each) => each.code));
  const declared = new Map(
    (fleet.api?.routes({}) ?? []).flatMap((route) => route.problems.map((each) => [each.code, each])),
  );
  return [...declared.values()].filter((each) => !known.has(each.code));
}

export function httpPage(fleet: Fleet): string {
  const info = { title: '', version: '', ...fleet.api?.info };
  const documents = fleetDocuments(fleet, { info, prefix: '', root: '', logger: silentLogger() });
  const document = openApi(fleet.api?.routes({}) ?? [], info, { token: true, documents });
  const at = (ref: string): JsonSchema =>
    ref
      .replace(/^#\//, '')
      .split('/')
      .reduce<Node>((node, step) => asNode(node[step]), document);
  const operations = Object.entries(asNode(document.paths)).flatMap(([path, item]) =>
    METHODS.filter((method) => method in asNode(item)).map((method) => ({
      title: `${method.toUpperCase()} ${path}`,
      operation: asNode(asNode(item)[method]),
    })),
  );
  const ofEveryApi = operations.filter(({ operation }) => asList(operation.tags).includes('Operations'));
  const ofPlatform = operations.filter(({ operation }) => !asList(operation.tags).includes('Operations'));
  const sections = (all: typeof operations) => all.flatMap(({ title, operation }) => section(title, operation, at));
  return page(
    'HTTP API',
    'the OpenAPI document and the problem types of the API',
    'Every API serves its OpenAPI 3.1 document at `/openapi.json`. Requests carry `Authorization: Bearer <token>` with the `API_TOKEN` of the fleet; without a token the API accepts only requests to a loopback name.',
    '## Problems',
    'Every error is returned as `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)):',
    EXAMPLE,
    '`code` is stable: programs compare it, or `type`, which is `urn:flotilla:problem:` and the code. `title` is the same for every problem of a type. `detail` describes the single case and is absent where the cause is internal. `correlationId`, also in `X-Correlation-Id`, identifies the request in the logs. A 503 has `Retry-After`. A route declares its own problem types (`problems` of `defineRoute`); a refusal of a decider (`PermanentError`) whose code is not declared is a 409.',
    problemTable(serverProblems()),
    '## Routes of every API',
    ...sections(ofEveryApi),
    '## Routes of the example platform',
    ...sections(ofPlatform),
    '## Problems of the example platform',
    problemTable(routeProblems(fleet)),
  );
}

const EXAMPLE = `\`\`\`json
${JSON.stringify(
  {
    type: 'urn:flotilla:problem:request.invalid',
    title: problems['request.invalid'].title,
    status: 400,
    code: 'request.invalid',
    instance: '/orders',
    correlationId: '0197c2f4-7d1e-7c3a-9b55-0a4f0f0c1a11',
  },
  null,
  2,
)}
\`\`\``;

function problemTable(all: readonly ProblemType[]): string {
  return table(
    ['code', 'status', 'title', 'what to do'],
    all.map((each) => [code(each.code), String(each.status), plain(each.title), plain(each.remedy ?? '')]),
  );
}

function section(title: string, operation: Node, at: (ref: string) => JsonSchema): string[] {
  const resolved = (value: unknown): Node => {
    const node = asNode(value);
    return typeof node.$ref === 'string' ? at(node.$ref) : node;
  };
  const parameters = asList(operation.parameters).map(resolved);
  const body = contentOf(resolved(operation.requestBody));
  const responses = Object.entries(asNode(operation.responses)).map(([status, value]) => ({
    status,
    response: resolved(value),
  }));
  return [
    `### ${title}`,
    [operation.summary, operation.description].map((text) => plain(asText(text)).replace(/\.?$/, '.')).join(' '),
    parameters.length === 0 ? '' : `**Parameters**\n\n${parameterTable(parameters, at)}`,
    body === undefined ? '' : `**Request body**: ${code(body.type)}\n\n${fieldTable(body.schema, at)}`,
    `**Responses**\n\n${table(
      ['status', 'content', 'meaning'],
      responses.map(({ status, response }) => [
        status,
        code(contentOf(response)?.type ?? ''),
        plain(asText(response.description)),
      ]),
    )}`,
    ...responses.flatMap(({ status, response }) => {
      const content = contentOf(response);
      return content?.type === 'application/json' && status.startsWith('2')
        ? [`**Response body of ${status}**\n\n${fieldTable(content.schema, at)}`]
        : [];
    }),
  ];
}

function parameterTable(parameters: readonly Node[], at: (ref: string) => JsonSchema): string {
  return table(
    ['parameter', 'in', 'type', 'meaning'],
    parameters.map((parameter) => [
      code(String(parameter.name)),
      `${String(parameter.in)}${parameter.required === true ? ', required' : ''}`,
      code(typeText(asNode(parameter.schema), at)),
      plain(asText(parameter.description)),
    ]),
  );
}

function fieldTable(schema: JsonSchema, at: (ref: string) => JsonSchema): string {
  return table(
    ['field', 'type', 'notes'],
    schemaFields(schema, at).map(({ path, type, required, description }) => [
      code(path || '(the body)'),
      code(type),
      [required ? '' : 'optional', plain(description)].filter((note) => note !== '').join(', '),
    ]),
  );
}

function contentOf(node: Node): { type: string; schema: JsonSchema } | undefined {
  const [entry] = Object.entries(asNode(node.content));
  return entry === undefined ? undefined : { type: entry[0], schema: asNode(asNode(entry[1]).schema) };
}

function asNode(value: unknown): Node {
  return typeof value === 'object' && value !== null ? (value as Node) : {};
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
