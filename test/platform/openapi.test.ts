import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'chai';
import { openApi } from '../../src/api/openapi/document.js';
import { fleetDocuments } from '../../src/documents/fleet-documents.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { apiInfo, routes } from '../../platform/routes.js';
import fleet from '../../config/fleet.js';

// the document is read without types
/* eslint-disable @typescript-eslint/no-explicit-any */
const documentOf = (token: boolean): any => {
  const info = { version: '1.0.0', ...apiInfo };
  const documents = fleetDocuments(fleet, { info, prefix: '', root: '/nowhere', logger: silentLogger() });
  return openApi(routes({ fulfilment: 'orchestrated' }), info, { token, documents });
};

/** Every object in a node, with its path. */
function* nodes(node: any, path = '#'): Generator<[string, any]> {
  if (typeof node !== 'object' || node === null) return;
  yield [path, node];
  for (const [key, value] of Object.entries(node)) yield* nodes(value, `${path}/${key}`);
}

describe('the OpenAPI document of the platform', () => {
  it('describes every operation: name, tag, summary, success and possible problems', () => {
    const document = documentOf(true);
    const tags = document.tags.map(({ name }: any) => name);
    const names: string[] = [];
    for (const [path, methods] of Object.entries<any>(document.paths)) {
      for (const [method, operation] of Object.entries<any>(methods)) {
        const where = `${method} ${path}`;
        names.push(operation.operationId);
        expect(operation.operationId, where).to.match(/^[a-z][A-Za-z]+$/);
        expect(operation.summary.length, where).to.be.within(5, 80);
        expect(operation.description, where).to.be.a('string').and.match(/\.$/);
        expect(tags, where).to.include.members(operation.tags);
        expect(
          Object.keys(operation.responses).some((status) => /^2/.test(status)),
          where,
        ).to.equal(true);
        if (operation.tags.includes('Operations')) continue;
        expect(operation.responses, where).to.include.keys('401', '500', '503');
        if (method === 'post') expect(operation.responses, where).to.include.keys('400', '409', '422');
        if (method === 'get') expect(operation.responses, where).to.include.keys('304');
        if (path.includes('{id}')) expect(operation.responses, where).to.include.keys('400', '404');
      }
    }
    expect(new Set(names).size).to.equal(names.length);
  });

  it('names the schemas of bodies, and describes them', () => {
    const document = documentOf(true);
    for (const [path, node] of nodes({ paths: document.paths, responses: document.components.responses })) {
      if (!path.endsWith('/application/json') && !path.endsWith('/application/problem+json')) continue;
      if (/(open|async)api\.json/.test(path)) continue;
      expect(node.schema.$ref ?? node.schema.oneOf?.[0].$ref, path).to.match(/^#\/components\/schemas\/[A-Z]\w+$/);
    }
    for (const [name, schema] of Object.entries<any>(document.components.schemas)) {
      expect(schema.description, name).to.be.a('string');
    }
  });

  it('leaves response schemas open and closes request schemas', () => {
    const document = documentOf(true);
    const open = new Set<string>();
    const follow = (part: any) => {
      for (const [path, node] of nodes(part)) {
        expect(node.additionalProperties, path).not.to.equal(false);
        if (typeof node.$ref !== 'string' || open.has(node.$ref)) continue;
        open.add(node.$ref);
        follow(
          node.$ref
            .split('/')
            .slice(1)
            .reduce((at: any, key: string) => at[key], document),
        );
      }
    };
    for (const methods of Object.values<any>(document.paths)) {
      for (const { responses } of Object.values<any>(methods)) follow(responses);
    }
    const objectsOf = ({ $ref, oneOf, anyOf = oneOf, items, ...schema }: any): any[] => {
      if ($ref !== undefined) return objectsOf(document.components.schemas[$ref.split('/').at(-1)]);
      return anyOf?.flatMap(objectsOf) ?? (items === undefined ? [schema] : objectsOf(items));
    };
    for (const methods of Object.values<any>(document.paths)) {
      for (const { requestBody } of Object.values<any>(methods)) {
        const ref: string | undefined = requestBody?.content['application/json'].schema.$ref;
        if (ref === undefined) continue;
        expect(open.has(ref), ref).to.equal(false);
        for (const object of objectsOf({ $ref: ref })) expect(object.additionalProperties, ref).to.equal(false);
      }
    }
  });

  it('has schemas that compile, and only defaults that match their schema', () => {
    const document = documentOf(true);
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(ajv);
    ajv.addSchema(document, 'openapi.json');
    for (const [name] of Object.entries(document.components.schemas)) {
      expect(() => ajv.compile({ $ref: `openapi.json#/components/schemas/${name}` }), name).not.to.throw();
    }
    let defaults = 0;
    for (const [path, node] of nodes(document)) {
      if (!('default' in node) || path.endsWith('/responses')) continue;
      defaults += 1;
      const { default: value, ...schema } = node;
      expect(ajv.validate(schema, value), `${path}: ${JSON.stringify(value)}`).to.equal(true);
    }
    expect(defaults).to.be.above(2);
  });
});
