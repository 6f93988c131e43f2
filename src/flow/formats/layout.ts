import { displayWidth } from '../../text/printable.js';
import type { Arrow, Box, Diagram } from '../diagram.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A box with its centre and its size, in pixels. */
export interface PlacedBox extends Box, Point {
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly PlacedBox[];
  /** `place`: the centre of the label. */
  readonly arrows: readonly (Arrow & { readonly points: readonly Point[]; readonly place: Point })[];
}

/** Of the font, in pixels. */
export const CHARACTER_WIDTH = 7.3;
export const LINE_HEIGHT = 16;
const LABEL_CHARACTER_WIDTH = 6.2;
const PADDING = { x: 10, y: 7 };
const MARGIN = 12;

/** The part of dagre in use. Its own declarations do not resolve in an ES module. */
interface Dagre {
  Graph: new () => DagreGraph;
  layout: (graph: DagreGraph) => void;
}

interface DagreGraph {
  setGraph(options: Readonly<Record<string, string | number>>): void;
  setNode(id: string, size: Size): void;
  setEdge(from: string, to: string, label: object): void;
  graph(): Size;
  node(id: string): Size & Point;
  edge(from: string, to: string): { points: readonly Point[] } & Point;
}

export interface Size {
  width: number;
  height: number;
}

/** Places boxes from left to right, so that arrows point to the right where possible. */
export async function layOut({ boxes, arrows }: Diagram): Promise<Layout> {
  if (boxes.length === 0) return { width: 0, height: 0, boxes: [], arrows: [] };
  const { Graph, layout } = (await import('@dagrejs/dagre')) as unknown as Dagre; // only pictures need it
  const graph = new Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 46, edgesep: 8, marginx: MARGIN, marginy: MARGIN });
  // ids are names, and dagre does not accept every text
  const nodes = new Map(boxes.map(({ id }, index) => [id, `n${index}`]));
  const nodeOf = (id: string) => nodes.get(id) ?? '';
  for (const box of boxes) graph.setNode(nodeOf(box.id), sizeOf(box));
  for (const { from, to, label } of arrows)
    graph.setEdge(nodeOf(from), nodeOf(to), label === '' ? {} : { ...labelSize(label), labelpos: 'c' });
  layout(graph);
  const { width, height } = graph.graph();
  return {
    width,
    height,
    boxes: boxes.map((box) => {
      const { x, y, width, height } = graph.node(nodeOf(box.id));
      return { ...box, x, y, width, height };
    }),
    arrows: arrows.map((arrow) => {
      const { points, x, y } = graph.edge(nodeOf(arrow.from), nodeOf(arrow.to));
      return { ...arrow, points, place: { x, y } };
    }),
  };
}

/** The size of the label of an arrow. */
export function labelSize(label: string): Size {
  return { width: displayWidth(label) * LABEL_CHARACTER_WIDTH + 6, height: 13 };
}

function sizeOf({ lines, caption = '' }: Box): Size {
  const count = lines.length + (caption === '' ? 0 : 1);
  return {
    width: Math.max(...[...lines, caption].map(displayWidth)) * CHARACTER_WIDTH + 2 * PADDING.x,
    height: count * LINE_HEIGHT + 2 * PADDING.y,
  };
}
