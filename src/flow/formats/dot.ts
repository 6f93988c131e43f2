import { escaped } from '../../text/printable.js';
import type { Box, Diagram } from '../diagram.js';

const SHAPES: Readonly<Record<Box['kind'], string>> = {
  outside: 'oval',
  route: 'oval',
  api: 'oval',
  keeper: 'box',
  topic: 'cds',
  worker: 'box',
  saga: 'box3d',
  windows: 'tab',
  projection: 'cylinder',
  types: 'note',
};

const MARKS = { unseen: 'style=dotted', undeclared: 'color=orange' };

/** Prints a diagram in the language of Graphviz: https://graphviz.org/doc/info/lang.html */
export function dotOf({ title, boxes, arrows }: Diagram): string {
  return [
    'digraph flow {',
    `  label=${quoted([title])}; labelloc=t; rankdir=LR;`,
    '  node [fontname="monospace", fontsize=10];',
    ...boxes.map(
      ({ id, kind, lines, caption, isDeadEnd }) =>
        `  ${quoted([id])} [shape=${SHAPES[kind]}, label=${quoted(caption === undefined ? lines : [...lines, caption])}${isDeadEnd ? ', style=dashed' : ''}];`,
    ),
    ...arrows.map(({ from, to, isCycle, label, mark }) => {
      const style = [
        ...(label === '' ? [] : [`label=${quoted([label])}`]),
        ...(isCycle ? ['color=red'] : mark === undefined ? [] : [MARKS[mark]]),
      ];
      return `  ${quoted([from])} -> ${quoted([to])}${style.length === 0 ? '' : ` [${style.join(', ')}]`};`;
    }),
    '}',
    '',
  ].join('\n');
}

function quoted(lines: readonly string[]): string {
  return `"${lines.map((line) => escaped(line).replaceAll('\\', '\\\\').replaceAll('"', '\\"')).join('\\n')}"`;
}
