import type { Point } from './layout.js';

/** A curve that starts and ends at the ends of a line. */
export interface Curve {
  readonly start: Point;
  /** Quadratic Bézier curves, each from the end of the one before. */
  readonly bends: readonly { readonly control: Point; readonly end: Point }[];
}

/** Points of each Bézier curve. */
const SAMPLES = 20;

/** Rounds a line of at least two points: through the middle of each section, and through its point `through`, if it has that
 *  point. */
export function curveOf(points: readonly Point[], through?: Point): Curve {
  const index = points.findIndex(({ x, y }) => x === through?.x && y === through.y);
  if (index <= 0) return rounded(points);
  const before = rounded(points.slice(0, index + 1));
  return { start: before.start, bends: [...before.bends, ...rounded(points.slice(index)).bends] };
}

function rounded([start = ORIGIN, ...rest]: readonly Point[]): Curve {
  const last = rest.at(-1) ?? start;
  if (rest.length < 2) return { start, bends: [{ control: start, end: last }] };
  const bends = rest.slice(0, -1).map((control, index) => {
    const next = rest[index + 1] ?? last;
    return { control, end: index === rest.length - 2 ? last : between(control, next, 0.5) };
  });
  return { start, bends };
}

/** Returns points of a curve, from its start to its end. */
export function pointsOn({ start, bends }: Curve): Point[] {
  let from = start;
  return bends.flatMap(({ control, end }) => {
    const [a, b, c] = [from, control, end];
    from = end;
    return Array.from({ length: SAMPLES }, (_, index) => {
      const t = (index + 1) / SAMPLES;
      return between(between(a, b, t), between(b, c, t), t);
    });
  });
}

const ORIGIN: Point = { x: 0, y: 0 };

function between(a: Point, b: Point, t: number): Point {
  return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
}
