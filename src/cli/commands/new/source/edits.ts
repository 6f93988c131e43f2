import type ts from 'typescript';
import type { Compiler } from './typescript.js';

/** A replacement of a part of a text. */
export interface Edit {
  from: number;
  to: number;
  text: string;
}

/** Applies edits, whose parts do not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  return [...edits]
    .sort((a, b) => b.from - a.from)
    .reduce((result, edit) => result.slice(0, edit.from) + edit.text + result.slice(edit.to), text);
}

/** Adds a property at the end of an object literal, on a line of its own. */
export function addProperty(ts: Compiler, object: ts.ObjectLiteralExpression, property: string): Edit {
  const source = object.getSourceFile();
  const [from, to] = [object.getStart(), object.getEnd()];
  const outer = indentAt(source.text, from);
  const last = object.properties.at(-1);
  if (last !== undefined && source.text.slice(from, last.getStart()).includes('\n')) {
    const end = object.properties.end;
    const comments = ts.getTrailingCommentRanges(source.text, end) ?? [];
    const at = comments.at(-1)?.end ?? end;
    const comma = object.properties.hasTrailingComma ? [] : [{ from: end, to: end, text: ',' }];
    const line = `\n${indentAt(source.text, last.getStart())}${property},`;
    const text = applyEdits(
      source.text.slice(end, at),
      comma.map((edit) => ({ ...edit, from: 0, to: 0 })),
    );
    return { from: end, to: at, text: `${text}${line}` };
  }
  const properties = [...object.properties.map((each) => each.getText()), property];
  return { from, to, text: `{\n${properties.map((each) => `${outer}  ${each},\n`).join('')}${outer}}` };
}

/** Imports a name, unless it is imported already. */
export function addImport(ts: Compiler, source: ts.SourceFile, name: string, from: string): Edit[] {
  const clauses = source.statements
    .filter((statement) => ts.isImportDeclaration(statement))
    .filter(({ moduleSpecifier }) => ts.isStringLiteral(moduleSpecifier) && moduleSpecifier.text === from)
    .flatMap(({ importClause }) => importClause ?? [])
    .filter(({ phaseModifier }) => phaseModifier === undefined);
  const bound = clauses.flatMap(({ name: own, namedBindings: others }) => [
    ...(own === undefined ? [] : [own.text]),
    ...(others === undefined ? [] : ts.isNamespaceImport(others) ? [others.name.text] : []),
  ]);
  const named = clauses.flatMap(({ namedBindings }) =>
    namedBindings !== undefined && ts.isNamedImports(namedBindings) ? [...namedBindings.elements] : [],
  );
  if (bound.includes(name) || named.some((element) => element.name.text === name)) return [];
  const next = named.find((element) => element.name.text > name);
  const last = named.at(-1);
  if (next !== undefined) return [{ from: next.getStart(), to: next.getStart(), text: `${name}, ` }];
  if (last !== undefined) return [{ from: last.getEnd(), to: last.getEnd(), text: `, ${name}` }];
  return [{ from: 0, to: 0, text: `import { ${name} } from '${from}';\n` }];
}

/** The white space at the beginning of the line. */
function indentAt(text: string, position: number): string {
  const begin = text.lastIndexOf('\n', position - 1) + 1;
  return /^[ \t]*/.exec(text.slice(begin))?.[0] ?? '';
}
