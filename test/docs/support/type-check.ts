import { join } from 'node:path';
import ts from 'typescript';
import type { Block } from './blocks.js';

/** A page with the project that its blocks have created. */
export interface ExecutedPage {
  page: string;
  project: string;
  blocks: readonly Block[];
}

/** Type-checks the projects, and the code that the pages show and do not write to a file, as modules in the folder of the project.
 *  One program checks all of them, because most of the time goes into the declarations of packages. Returns the errors, with
 *  the lines of the pages. */
export function typeErrors(pages: readonly ExecutedPage[]): string[] {
  const code = new Map<string, { page: string; block: Block }>();
  const files: string[] = [];
  let options: ts.CompilerOptions = {};
  for (const { page, project, blocks } of pages) {
    const config = configOf(project);
    options = config.options;
    files.push(...config.fileNames);
    for (const block of blocks.filter(isModule)) code.set(join(project, `line-${block.line}.ts`), { page, block });
  }
  const host = ts.createCompilerHost(options);
  const original = { ...host };
  host.fileExists = (path) => code.has(path) || original.fileExists(path);
  host.readFile = (path) => code.get(path)?.block.text ?? original.readFile(path);
  host.getSourceFile = (path, language, ...rest) => {
    const text = code.get(path)?.block.text;
    if (text === undefined) return original.getSourceFile(path, language, ...rest);
    return ts.createSourceFile(path, `${text}\nexport {};\n`, language);
  };
  const program = ts.createProgram([...files, ...code.keys()], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n');
    if (file === undefined) return text;
    const line = ts.getLineAndCharacterOfPosition(file, start).line + 1;
    const shown = code.get(file.fileName);
    return shown === undefined
      ? `${file.fileName}:${line}: ${text}`
      : `${shown.page}, line ${shown.block.line + line}: ${text}`;
  });
}

/** Code that a reader can compile as it is. */
const isModule = ({ language, info }: Block) =>
  language === 'ts' && info['file'] === undefined && !('fragment' in info);

function configOf(project: string): ts.ParsedCommandLine {
  const config = ts.getParsedCommandLineOfConfigFile(join(project, 'tsconfig.json'), undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
      throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'));
    },
  });
  if (config === undefined) throw new Error(`${project} has no tsconfig.json`);
  return config;
}
