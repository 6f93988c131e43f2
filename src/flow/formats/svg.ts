import { escaped } from '../../text/printable.js';
import type { Diagram } from '../diagram.js';
import { curveOf, type Curve } from './curve.js';
import { layOut, LINE_HEIGHT, type Layout, type PlacedBox, type Point } from './layout.js';
import { placeLabels, type PlacedLabel } from './place-labels.js';

const TITLE_HEIGHT = 30;
const LEGEND_LINE_HEIGHT = 15;
const LEGEND_CHARACTER_WIDTH = 5.7;

/** Colors are set by the reader's preference, which a browser also applies to a picture in a page. */
const STYLE = `
    text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; }
    .title { font: bold 15px system-ui, sans-serif; }
    .legend, .caption { font: 11px system-ui, sans-serif; fill: #57606a; }
    .page { fill: #ffffff; }
    .box { fill: #ddf4ff; stroke: #0969da; }
    .types { fill: #ffffff; stroke: #8c959f; }
    .route, .api, .outside { fill: #dafbe1; stroke: #1a7f37; }
    .saga { fill: #fbefff; stroke: #8250df; }
    .projection { fill: #fff8c5; stroke: #9a6700; }
    .keeper, .topic { fill: #f6f8fa; stroke: #57606a; }
    .dead-end { stroke-dasharray: 4 3; stroke-width: 1.5; }
    .arrow { fill: none; stroke: #8c959f; }
    .cycle { stroke: #cf222e; stroke-width: 2; }
    .unseen { stroke-dasharray: 1 4; }
    .undeclared { stroke: #bc4c00; stroke-width: 2; stroke-dasharray: 6 3; }
    .undeclared-head { fill: #bc4c00; }
    .label { font-size: 10px; fill: #57606a; }
    .head { fill: #8c959f; }
    .cycle-head { fill: #cf222e; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .legend, .caption, .label { fill: #9198a1; }
      .page { fill: #0d1117; }
      .box { fill: #0c2d4d; stroke: #4493f8; }
      .types { fill: #161b22; stroke: #6e7681; }
      .route, .api, .outside { fill: #0f2e1a; stroke: #3fb950; }
      .saga { fill: #2b1d47; stroke: #ab7df8; }
      .projection { fill: #3a2d06; stroke: #d29922; }
      .keeper, .topic { fill: #21262d; stroke: #9198a1; }
      .arrow { stroke: #6e7681; }
      .cycle { stroke: #f85149; }
      .undeclared { stroke: #f0883e; }
      .undeclared-head { fill: #f0883e; }
      .head { fill: #6e7681; }
      .cycle-head { fill: #f85149; }
    }`;

/** Draws a diagram as SVG: one file without references, in light and dark, with a title and a text alternative. */
export async function svgOf(diagram: Diagram): Promise<string> {
  const { title, legend, description } = diagram;
  const layout = await layOut(diagram);
  const header = TITLE_HEIGHT + legend.length * LEGEND_LINE_HEIGHT;
  const width = Math.ceil(Math.max(layout.width, ...legend.map((line) => line.length * LEGEND_CHARACTER_WIDTH + 24)));
  const height = Math.ceil(layout.height + header);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc">`,
    `  <title id="title">${xml(title)}</title>`,
    `  <desc id="desc">${description.map(xml).join('\n')}</desc>`,
    `  <style>${STYLE}\n  </style>`,
    '  <defs>',
    headMarker('head'),
    headMarker('cycle-head'),
    headMarker('undeclared-head'),
    '  </defs>',
    `  <rect class="page" width="${width}" height="${height}"/>`,
    `  <text class="title" x="12" y="24">${xml(title)}</text>`,
    ...legend.map(
      (line, index) => `  <text class="legend" x="12" y="${40 + index * LEGEND_LINE_HEIGHT}">${xml(line)}</text>`,
    ),
    `  <g transform="translate(0 ${header})">`,
    ...layout.arrows.map(arrowOf),
    ...placeLabels(layout).map(labelOf),
    ...layout.boxes.map(boxOf),
    '  </g>',
    '</svg>',
    '',
  ].join('\n');
}

function headMarker(id: string): string {
  return `    <marker id="${id}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="${id}" d="M0 0 8 4 0 8z"/></marker>`;
}

function arrowOf({ label, points, place, isCycle, mark }: Layout['arrows'][number]): string {
  const style = isCycle ? 'cycle' : mark;
  const head = style === undefined || style === 'unseen' ? 'head' : `${style}-head`;
  const names = style === undefined ? 'arrow' : `arrow ${style}`;
  const curve = curveOf(points, label === '' ? undefined : place);
  return `    <path class="${names}" marker-end="url(#${head})" d="${pathOf(curve)}"/>`;
}

/** The background interrupts the arrow. */
function labelOf({ label, x, y, width, height }: PlacedLabel): string {
  return [
    `    <g><rect class="page" x="${round(x - width / 2)}" y="${round(y - height / 2)}" width="${round(width)}" height="${height}"/>`,
    `<text class="label" x="${round(x)}" y="${round(y + 3.5)}" text-anchor="middle">${xml(label)}</text></g>`,
  ].join('');
}

function pathOf({ start, bends }: Curve): string {
  return `M${at(start)}${bends.map(({ control, end }) => `Q${at(control)} ${at(end)}`).join('')}`;
}

function at({ x, y }: Point): string {
  return `${round(x)} ${round(y)}`;
}

function boxOf({ kind, lines, caption, isDeadEnd, x, y, width, height }: PlacedBox): string {
  const [left, top] = [x - width / 2, y - height / 2];
  const corner = kind === 'types' ? 2 : kind === 'route' || kind === 'api' || kind === 'outside' ? height / 2 : 6;
  const names = `box ${kind}${isDeadEnd ? ' dead-end' : ''}`;
  const count = lines.length + (caption === undefined ? 0 : 1);
  const baseline = (line: number) => round(y + (line - (count - 1) / 2) * LINE_HEIGHT + 4);
  const text = (line: string, index: number, name = '') =>
    `<text${name} x="${round(x)}" y="${baseline(index)}" text-anchor="middle">${xml(line)}</text>`;
  return [
    `    <g><rect class="${names}" x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${round(height)}" rx="${round(corner)}"/>`,
    ...lines.map((line, index) => text(line, index)),
    ...(caption === undefined ? [] : [text(caption, lines.length, ' class="caption"')]),
    '</g>',
  ].join('');
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Escapes a text for XML 1.0, in which control characters and lone surrogates are not allowed. */
function xml(text: string): string {
  return escaped(text).replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}
