import type { JsonSchema } from '../events/schema-fields.js';
import { resolved, type SchemaNode } from './shape.js';

/** An operation of an OpenAPI document. */
export interface Operation {
  /** The name of a method of generated clients. */
  id: string;
  /** JSON Pointer to it. */
  pointer: string;
  /** The parameters by their place, and the body: `{ path, query, header, body }`. */
  request: SchemaNode;
  /** The bodies after a success, by status; any value for a response without a JSON body. */
  responses: ReadonlyMap<string, SchemaNode>;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const PLACES = ['path', 'query', 'header'];

/** The operations of an OpenAPI document by method and path: `POST /orders`. Malformed parts are ignored. */
export function operationsOf(document: JsonSchema): Map<string, Operation> {
  const operations = Object.entries(recordOf(document['paths'])).flatMap(([path, item]) =>
    METHODS.filter((method) => method in recordOf(item)).map((method): [string, Operation] => {
      const operation = recordOf(recordOf(item)[method]);
      return [
        `${method.toUpperCase()} ${path}`,
        {
          id: String(operation['operationId']),
          pointer: `/paths/${path.replaceAll('~', '~0').replaceAll('/', '~1')}/${method}`,
          request: { schema: requestOf(operation, document), root: document },
          responses: responsesOf(operation, document),
        },
      ];
    }),
  );
  return new Map(operations);
}

function requestOf(operation: JsonSchema, document: JsonSchema): JsonSchema {
  const { parameters, requestBody } = operation;
  const all = (Array.isArray(parameters) ? parameters : []).map((parameter) => at(parameter, document));
  const places = PLACES.map((place): [string, JsonSchema] => {
    const here = all.filter((parameter) => parameter['in'] === place);
    const properties = Object.fromEntries(here.map((each) => [String(each['name']), each['schema'] ?? true]));
    const required = here.filter((each) => each['required'] === true).map((each) => String(each['name']));
    return [place, { type: 'object', properties, required }];
  });
  const body = at(requestBody, document);
  const hasBody = requestBody !== undefined;
  return {
    type: 'object',
    properties: { ...Object.fromEntries(places), ...(hasBody && { body: bodyOf(body) }) },
    required: [...PLACES, ...(body['required'] === true ? ['body'] : [])],
  };
}

function responsesOf(operation: JsonSchema, document: JsonSchema): Map<string, SchemaNode> {
  return new Map(
    Object.entries(recordOf(operation['responses']))
      .filter(([status]) => status.startsWith('2'))
      .map(([status, response]) => [status, { schema: bodyOf(at(response, document)), root: document }]),
  );
}

function bodyOf({ content }: JsonSchema): JsonSchema | boolean {
  const { schema } = recordOf(recordOf(content)['application/json']);
  return schema === undefined ? true : (schema as JsonSchema | boolean);
}

/** The component to which a reference leads. */
function at(value: unknown, document: JsonSchema): JsonSchema {
  return recordOf(resolved({ schema: recordOf(value), root: document }).schema);
}

function recordOf(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonSchema) : {};
}
