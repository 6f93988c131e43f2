import { escaped } from '../../text/printable.js';
import type { Box, Diagram } from '../diagram.js';

const SHAPES: Readonly<Record<Box['kind'], readonly [string, string]>> = {
  outside: ['([', '])'],
  route: ['([', '])'],
  api: ['([', '])'],
  keeper: ['[', ']'],
  topic: ['{{', '}}'],
  worker: ['[', ']'],
  saga: ['[[', ']]'],
  windows: ['[/', '/]'],
  projection: ['[(', ')]'],
  types: ['>', ']'],
};

/** Prints a diagram as a flowchart of Mermaid: https://mermaid.js.org/syntax/flowchart.html */
export function mermaidOf({ title, boxes, arrows }: Diagram): string {
  const numbers = new Map(boxes.map(({ id }, index) => [id, `n${index}`]));
  const cyclic = arrows.flatMap(({ isCycle }, index) => (isCycle ? [index] : []));
  const deadEnds = boxes.filter(({ isDeadEnd }) => isDeadEnd).map(({ id }) => numbers.get(id) ?? '');
  return [
    '---',
    `title: ${JSON.stringify(escaped(title))}`,
    '---',
    'flowchart LR',
    ...boxes.map(({ id, kind, lines, caption }) => {
      const [before, after] = SHAPES[kind];
      const label = [...lines.map(entities), ...(caption === undefined ? [] : [`<small>${caption}</small>`])];
      return `  ${numbers.get(id) ?? ''}${before}"${label.join('<br/>')}"${after}`;
    }),
    ...arrows.map(({ from, to, label, mark }) => {
      const arrow = mark === 'unseen' ? '-.->' : mark === 'undeclared' ? '==>' : '-->';
      const text = label === '' ? '' : `|"${entities(label)}"|`;
      return `  ${numbers.get(from) ?? ''} ${arrow}${text} ${numbers.get(to) ?? ''}`;
    }),
    ...(deadEnds.length === 0
      ? []
      : ['  classDef deadEnd stroke-dasharray: 4', `  class ${deadEnds.join(',')} deadEnd`]),
    ...(cyclic.length === 0 ? [] : [`  linkStyle ${cyclic.join(',')} stroke:red`]),
    '',
  ].join('\n');
}

/** Mermaid decodes entities with `#` in place of `&`. */
function entities(line: string): string {
  return escaped(line).replace(/[#%"&<>`]/g, (character) => `#${character.codePointAt(0) ?? 0};`);
}
