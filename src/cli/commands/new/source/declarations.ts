import type ts from 'typescript';
import type { Compiler } from './typescript.js';

/** A type of the catalogue, as a source declares it: `'order.created': event({ 1: … })`. */
export interface Declaration {
  type: string;
  /** The object that contains the declaration. */
  within: ts.ObjectLiteralExpression;
  /** The schemas by version. */
  versions: ts.ObjectLiteralExpression;
  /** The upcasters by version; undefined if there are none. */
  upcasters: ts.ObjectLiteralExpression | undefined;
}

/** The types that a source declares with their schemas in place. */
export function declarationsIn(ts: Compiler, source: ts.SourceFile): Declaration[] {
  return objectsIn(ts, source).flatMap((within) =>
    within.properties.flatMap((property): Declaration[] => {
      if (!ts.isPropertyAssignment(property) || !ts.isStringLiteral(property.name)) return [];
      const [versions, upcasters] = definingCall(ts, property.initializer)?.arguments ?? [];
      if (versions === undefined || !ts.isObjectLiteralExpression(versions)) return [];
      if (upcasters !== undefined && !ts.isObjectLiteralExpression(upcasters)) return [];
      return [{ type: property.name.text, within, versions, upcasters }];
    }),
  );
}

/** The types in a call of `catalogue(parent, { … })`. */
export function catalogueIn(ts: Compiler, source: ts.SourceFile): ts.ObjectLiteralExpression | undefined {
  return objectsIn(ts, source).find(
    ({ parent }) => ts.isCallExpression(parent) && isNamed(ts, parent.expression, ['catalogue']),
  );
}

/** The handlers of a worker: the property `on` in a call of `defineWorker({ … })`. */
export function handlersIn(ts: Compiler, source: ts.SourceFile): ts.ObjectLiteralExpression | undefined {
  return objectsIn(ts, source).find(({ parent }) => {
    if (!ts.isPropertyAssignment(parent) || !ts.isIdentifier(parent.name) || parent.name.text !== 'on') return false;
    const call = parent.parent.parent;
    return ts.isCallExpression(call) && isNamed(ts, call.expression, ['defineWorker']);
  });
}

/** Returns the text of the value of a version. */
export function versionText(ts: Compiler, versions: ts.ObjectLiteralExpression, version: number): string | undefined {
  const found = versions.properties.find(({ name }) => name !== undefined && name.getText() === String(version));
  return found !== undefined && ts.isPropertyAssignment(found) ? found.initializer.getText() : undefined;
}

/** The call of `event` or `command`, also within others: `fromOutside(event({ … }), …)`. */
function definingCall(ts: Compiler, value: ts.Expression | undefined): ts.CallExpression | undefined {
  if (value === undefined || !ts.isCallExpression(value)) return undefined;
  return isNamed(ts, value.expression, ['event', 'command']) ? value : definingCall(ts, value.arguments[0]);
}

/** Whether an expression is one of these names, or ends in it: `platform.defineWorker`. */
function isNamed(ts: Compiler, expression: ts.Expression, names: readonly string[]): boolean {
  const name = ts.isPropertyAccessExpression(expression) ? expression.name : expression;
  return ts.isIdentifier(name) && names.includes(name.text);
}

function objectsIn(ts: Compiler, source: ts.SourceFile): ts.ObjectLiteralExpression[] {
  const found: ts.ObjectLiteralExpression[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isObjectLiteralExpression(node)) found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
