import ts from 'typescript';

/** Returns the string literals of a TypeScript file, such as errors, log messages and help, each on its own line.
 *  `titlesOnly` selects those of `describe` and `it`. */
export function userTexts(text, { titlesOnly = false } = {}) {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);
  const lines = text.split('\n').map(() => '');
  const visit = (node) => {
    const isLiteral =
      ts.isStringLiteral(node) ||
      ts.isNoSubstitutionTemplateLiteral(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddle(node) ||
      ts.isTemplateTail(node);
    if (isLiteral && (!titlesOnly || isTitle(node)))
      lines[source.getLineAndCharacterOfPosition(node.getStart(source)).line] += ` ${node.text.replaceAll('\n', ' ')}`;
    ts.forEachChild(node, visit);
  };
  visit(source);
  return lines.join('\n');
}

/** Whether a literal is in the first argument of `describe` or `it`. */
function isTitle(node) {
  const { parent } = node;
  if (ts.isTemplateSpan(parent) || ts.isTemplateExpression(parent)) return isTitle(parent);
  return (
    ts.isCallExpression(parent) && parent.arguments[0] === node && /^(describe|it)\b/.test(parent.expression.getText())
  );
}
