import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { generateSamples } from '../../../contracts/samples.js';
import type { MessageDefinition } from '../../../events/definition.js';
import { definitionOf } from '../../../events/definitions.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { UsageError } from '../../shared/failure.js';
import { requireKnown } from '../../../text/known-names.js';
import { contractFilesOf } from './contract-files.js';
import { literal } from './literal.js';
import { conventionsOf, testOf, writeFiles, type Added } from './project.js';
import { declareVersion } from './source/declare.js';
import { loadTypeScript } from './source/typescript.js';
import { renderTemplate } from './template.js';

export interface NewVersionOptions {
  /** The folder of the fleet. */
  root: string;
  /** The folder of the library. */
  packageRoot: string;
  type: string;
  fleet: Fleet;
}

/** Adds a version to a message type: its schema, which is at first that of the latest version, its upcaster, samples and
 *  a test. Throws `UsageError` or `name.unknown` before it writes a file. */
export async function newVersion({ root, packageRoot, type, fleet }: NewVersionOptions): Promise<Added> {
  const { definitions } = fleet.catalogue;
  requireKnown('type', type, Object.keys(definitions));
  const old = definitionOf(definitions, type);
  const schema = old?.versions[old.latest];
  if (old === undefined || schema === undefined) throw new Error(`${type} has no schema`);
  const version = old.latest + 1;
  const test = testOf(type, version);
  if (existsSync(join(root, test))) throw new UsageError(`${test} exists already`);
  const definition: MessageDefinition = {
    ...old,
    latest: version,
    versions: { ...old.versions, [version]: schema },
    upcasters: { ...old.upcasters, [old.latest]: (data: unknown) => data },
  };
  const [sample] = generateSamples(type, old.latest, definition).samples;
  if (sample === undefined) throw new UsageError(`no example of ${type} can be made; add version ${version} by hand`);
  const { extension, runner, afterChange } = await conventionsOf(root);
  const files = new Map([
    await declareVersion(loadTypeScript(root), root, type, old.latest),
    [
      test,
      await renderTemplate(join(packageRoot, 'templates', 'version', 'test.ts'), {
        ...{ type, extension, runner, version: String(version), previous: String(old.latest) },
        subject: type.split('.', 1)[0] ?? type,
        data: literal(sample.data, '    '),
        upcast: literal(sample.upcast, '    '),
      }),
    ],
    ...(await contractFilesOf(root, type, definition)),
  ]);
  await writeFiles(root, files);
  return {
    files: [...files.keys()].sort(),
    byHand: [
      ...afterChange,
      `Change the schema of version ${version}, the upcaster of version ${old.latest} and the test, then run flotilla schemas write --replace ${type}@${version}`,
    ],
  };
}
