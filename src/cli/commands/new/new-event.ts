import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { lookAlikesOf } from '../../../contracts/look-alikes.js';
import { command, event, type MessageKind } from '../../../events/definition.js';
import { isTypeName } from '../../../events/definitions.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { UsageError } from '../../shared/failure.js';
import { contractFilesOf } from './contract-files.js';
import { literal } from './literal.js';
import { newWorker } from './new-worker.js';
import { conventionsOf, testOf, writeFiles, type Added } from './project.js';
import { addHandler, declareType } from './source/declare.js';
import { loadTypeScript } from './source/typescript.js';
import { renderTemplate } from './template.js';

export interface NewEventOptions {
  /** The folder of the fleet. */
  root: string;
  /** The folder of the library. */
  packageRoot: string;
  type: string;
  kind: MessageKind;
  /** The worker that handles a command. @default the first word of the type */
  worker?: string | undefined;
  fleet: Fleet;
}

/** Adds a message type to a fleet: its declaration, schema, samples and test. A command also gets a handler, in a worker
 *  that exists or a new one. Throws `UsageError` before it writes a file. */
export async function newEvent({ root, packageRoot, type, kind, worker, fleet }: NewEventOptions): Promise<Added> {
  const { definitions } = fleet.catalogue;
  if (!isTypeName(type)) {
    throw new UsageError(
      `${JSON.stringify(type)}: a type has two or three dotted lower-case words, such as order.created`,
    );
  }
  if (type in definitions) throw new UsageError(`${type} exists already; change it by flotilla new version ${type}`);
  const test = testOf(type);
  if (existsSync(join(root, test))) throw new UsageError(`${test} exists already`);
  const ts = loadTypeScript(root);
  const conventions = await conventionsOf(root);
  const [subject = ''] = type.split('.', 1);
  const field = `${subject.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase())}Id`;
  const definition = (kind === 'event' ? event : command)({ 1: z.strictObject({ [field]: z.string() }) });
  const render = async (template: string) =>
    (
      await renderTemplate(join(packageRoot, 'templates', 'event', template), {
        ...{ type, kind, subject, field, extension: conventions.extension, runner: conventions.runner },
        data: literal({ [field]: 'text' }, '  '),
      })
    ).trimEnd();
  const all = { ...definitions, [type]: definition };
  const files = new Map([
    await declareType(ts, root, { type, kind, property: await render('declaration.ts') }),
    [test, `${await render('test.ts')}\n`],
    ...(await contractFilesOf(root, type, definition)),
  ]);
  const handled = kind === 'command' ? await handle(worker ?? subject.replaceAll('_', '-')) : undefined;
  await writeFiles(root, files);
  return {
    files: [...files.keys(), ...(handled?.files ?? [])].sort(),
    byHand: [
      ...lookAlikesOf(type, all).map((other) => `Its name is easily confused with ${other}.`),
      ...(handled?.byHand ?? []),
      ...conventions.afterChange,
      `Change its fields and its test, then run flotilla schemas write --replace ${type}@1`,
    ],
  };

  async function handle(name: string): Promise<Added | undefined> {
    if (fleet.workers.some((other) => other.name === name)) {
      files.set(...(await addHandler(ts, root, name, await render('handler.ts'))));
      return undefined;
    }
    const catalogue = { ...fleet.catalogue, definitions: all };
    return newWorker({ root, packageRoot, name, on: [type], fleet: { ...fleet, catalogue } });
  }
}
