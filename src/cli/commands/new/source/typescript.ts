import { createRequire } from 'node:module';
import { join } from 'node:path';
import type TypeScript from 'typescript';
import { UsageError } from '../../../shared/failure.js';

/** The compiler of a project. */
export type Compiler = typeof TypeScript;

/** Loads the compiler of a project: its parser finds the places in a source where text is added. Throws `UsageError`
 *  without one. */
export function loadTypeScript(root: string): Compiler {
  try {
    const compiler = createRequire(join(root, 'package.json'))('typescript') as Partial<Compiler>;
    if (compiler.createSourceFile !== undefined) return compiler as Compiler;
  } catch {
    // reported below
  }
  throw new UsageError(
    'changing a source needs the package typescript with its JavaScript API: npm install --save-dev typescript@6',
  );
}

interface Prettier {
  resolveConfig: (file: string, options: { editorconfig: boolean }) => Promise<object | null>;
  format: (text: string, options: object) => Promise<string>;
}

/** Formats a source by prettier, if the project has it. */
export async function formatted(root: string, file: string, text: string): Promise<string> {
  const prettier = prettierOf(root);
  if (prettier === undefined) return text;
  const path = join(root, file);
  const config = await prettier.resolveConfig(path, { editorconfig: true });
  return prettier.format(text, { ...config, filepath: path });
}

function prettierOf(root: string): Prettier | undefined {
  try {
    return createRequire(join(root, 'package.json'))('prettier') as Prettier;
  } catch {
    return undefined;
  }
}
