import type ts from 'typescript';
import { UsageError } from '../../../shared/failure.js';
import { CATALOGUE } from '../project.js';
import { catalogueIn, handlersIn, versionText } from './declarations.js';
import { addImport, addProperty, applyEdits, type Edit } from './edits.js';
import { findDeclarations, parseFile, type Source } from './sources.js';
import { formatted, type Compiler } from './typescript.js';

/** A changed file, relative to the project, and its new text. */
export type Changed = [file: string, text: string];

/** Declares a type beside types with the same first segment, in the file that has most of them, otherwise in the call of
 *  `catalogue`. */
export async function declareType(
  ts: Compiler,
  root: string,
  { type, kind, property }: { type: string; kind: string; property: string },
): Promise<Changed> {
  const [segment] = type.split('.', 1);
  const related = (await findDeclarations(ts, root)).filter((other) => other.type.startsWith(`${segment}.`));
  const place = lastOfLargest(related) ?? (await placeInCatalogue(ts, root));
  const imports = [addImport(ts, place.tree, kind, 'flotilla'), addImport(ts, place.tree, 'z', 'zod')].flat();
  return changed(root, place, [...imports, addProperty(ts, place.within, property)]);
}

/** Returns the last declaration of the file that has most of them. */
function lastOfLargest<T extends Source>(declared: readonly T[]): T | undefined {
  const count = ({ file }: T) => declared.filter((other) => other.file === file).length;
  return declared.toSorted((a, b) => count(a) - count(b)).at(-1);
}

async function placeInCatalogue(ts: Compiler, root: string): Promise<Source & { within: ts.ObjectLiteralExpression }> {
  const source = await parseFile(ts, root, CATALOGUE);
  const within = source && catalogueIn(ts, source.tree);
  if (source === undefined || within === undefined)
    throw new UsageError(`${CATALOGUE} has no call catalogue(…, { … }) to which a type can be added`);
  return { ...source, within };
}

/** Adds a version with the schema of the latest one, and an upcaster that changes nothing. */
export async function declareVersion(ts: Compiler, root: string, type: string, latest: number): Promise<Changed> {
  const found = (await findDeclarations(ts, root)).find((declared) => declared.type === type);
  const schema = found && versionText(ts, found.versions, latest);
  if (found === undefined || schema === undefined) {
    throw new UsageError(`platform/ has no '${type}': event({ ${latest}: … }); add version ${latest + 1} by hand`);
  }
  const { versions, upcasters } = found;
  const upcaster = `${latest}: (data) => data`;
  const end = versions.getEnd();
  return changed(root, found, [
    addProperty(ts, versions, `${latest + 1}: ${schema}`),
    upcasters === undefined ? { from: end, to: end, text: `, { ${upcaster} }` } : addProperty(ts, upcasters, upcaster),
  ]);
}

/** Adds a handler to a worker that exists. */
export async function addHandler(ts: Compiler, root: string, worker: string, property: string): Promise<Changed> {
  const file = `workers/${worker}/index.ts`;
  const source = await parseFile(ts, root, file);
  const within = source && handlersIn(ts, source.tree);
  if (source === undefined || within === undefined) {
    throw new UsageError(
      `${file} has no defineWorker({ on: { … } }) to which a handler can be added; name another --worker`,
    );
  }
  return changed(root, source, [addProperty(ts, within, property)]);
}

async function changed(root: string, { file, tree }: Source, edits: readonly Edit[]): Promise<Changed> {
  return [file, await formatted(root, file, applyEdits(tree.text, edits))];
}
