import { curveOf, pointsOn } from './curve.js';
import { labelSize, type Layout, type Point, type Size } from './layout.js';

/** A label with its centre and its size, in pixels. */
export interface PlacedLabel extends Point, Size {
  readonly label: string;
}

/** Places each label on the curve of its arrow: where the layout has space for it, or at the next point where it hides
 *  no box and no other label. */
export function placeLabels({ arrows, boxes }: Pick<Layout, 'arrows' | 'boxes'>): PlacedLabel[] {
  const placed: PlacedLabel[] = [];
  for (const { label, points, place } of arrows) {
    if (label === '') continue;
    const nearestFirst = pointsOn(curveOf(points, place))
      .sort((a, b) => distance(a, place) - distance(b, place))
      .map((point) => ({ label, ...point, ...labelSize(label) }));
    const isFree = (each: PlacedLabel) => ![...boxes, ...placed].some((other) => overlap(each, other));
    const best = nearestFirst.find(isFree) ?? nearestFirst[0];
    if (best !== undefined) placed.push(best);
  }
  return placed;
}

function overlap(a: Point & Size, b: Point & Size): boolean {
  return Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2;
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
