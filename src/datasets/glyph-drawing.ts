/**
 * From a digit to a 28×28 picture: a hand is chosen, its points are shaken, the whole is scaled, slanted, turned and
 * moved, and a round pen of random width draws it with anti-aliased edges. Only + - × ÷ and square roots are used,
 * which IEEE 754 rounds the same everywhere, and the result is bytes: the same seed gives the same bytes on any machine.
 */
import type { GlyphRandom } from './glyph-random.ts';
import { HANDS, type Point, type Stroke } from './glyph-strokes.ts';

export const GLYPH_SIZE = 28;

/** Straight pieces per span between two points of a curve. */
const PIECES = 6;

/** How far one point of a stroke is shaken at most, in hundredths of the digit's height. */
const SHAKE = 15;

/** One picture of `digit`, 28 rows of 28 bytes, ink bright on black. */
export function drawGlyph(digit: number, random: GlyphRandom): Uint8Array {
  const hands = HANDS[digit] as (typeof HANDS)[number];
  const hand = hands[random.integer(hands.length)] as readonly Stroke[];
  const place = randomPlacement(random);
  const halfWidth = random.between(0.75, 1.9);
  const ink = random.between(0.7, 1);
  const distances = new Float64Array(GLYPH_SIZE * GLYPH_SIZE).fill(Number.POSITIVE_INFINITY);
  // Strokes meet in shared points ("the foot of the 2"): a point keeps its shake wherever it occurs again.
  const shaken = new Map<string, Point>();
  const shake = (point: Point): Point => {
    const key = point.join(' ');
    const known = shaken.get(key);
    if (known !== undefined) return known;
    const moved = place([point[0] + SHAKE * random.bell(), point[1] + SHAKE * random.bell()]);
    shaken.set(key, moved);
    return moved;
  };
  for (const stroke of hand) {
    const path = flatten({ form: stroke.form, points: stroke.points.map(shake) });
    for (let i = 1; i < path.length; i++) {
      lowerDistances(distances, path[i - 1] as Point, path[i] as Point, halfWidth + 1);
    }
  }
  // A pixel one unit wide is covered by the share of it that lies inside the pen, taken along the distance.
  return Uint8Array.from(distances, (squared) => {
    const covered = Math.min(1, Math.max(0, halfWidth + 0.5 - Math.sqrt(squared)));
    return Math.floor(covered * ink * 255 + 0.5);
  });
}

/** A random affine map from the strokes' coordinates to pixels. */
function randomPlacement(random: GlyphRandom): (point: Point) => Point {
  const height = random.between(13.5, 21.5);
  const aspect = random.between(0.7, 1.3);
  const slant = 0.6 * random.bell();
  // Rotation by an angle whose half has tangent t: no sine or cosine, whose last bit differs between machines.
  const t = 0.4 * random.bell();
  const cos = (1 - t * t) / (1 + t * t);
  const sin = (2 * t) / (1 + t * t);
  const centreX = GLYPH_SIZE / 2 + 4 * random.bell();
  const centreY = GLYPH_SIZE / 2 + 4 * random.bell();
  const unit = height / 100;
  return ([x, y]) => {
    const across = (x * aspect - y * slant) * unit;
    const down = y * unit;
    return [centreX + cos * across - sin * down, centreY + sin * across + cos * down];
  };
}

/** The stroke as a chain of straight pieces: curves are uniform Catmull-Rom splines through the points. */
function flatten({ form, points }: Stroke): readonly Point[] {
  if (form === 'line') return points;
  const closed = form === 'loop';
  const count = points.length;
  const at = (i: number): Point =>
    points[closed ? (i + count) % count : Math.min(count - 1, Math.max(0, i))] as Point;
  const path: Point[] = [at(0)];
  for (let span = 0; span < (closed ? count : count - 1); span++) {
    const [p0, p1, p2, p3] = [at(span - 1), at(span), at(span + 1), at(span + 2)];
    for (let piece = 1; piece <= PIECES; piece++) {
      const s = piece / PIECES;
      path.push([catmullRom(p0[0], p1[0], p2[0], p3[0], s), catmullRom(p0[1], p1[1], p2[1], p3[1], s)]);
    }
  }
  return path;
}

function catmullRom(p0: number, p1: number, p2: number, p3: number, s: number): number {
  const linear = p2 - p0;
  const quadratic = 2 * p0 - 5 * p1 + 4 * p2 - p3;
  const cubic = 3 * (p1 - p2) + p3 - p0;
  return p1 + 0.5 * s * (linear + s * (quadratic + s * cubic));
}

/** Lowers each pixel's squared distance to that of the segment from `a` to `b`, within `reach` of it. */
function lowerDistances(distances: Float64Array, a: Point, b: Point, reach: number): void {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const lengthSquared = dx * dx + dy * dy;
  const first = (low: number): number => Math.max(0, Math.floor(low - reach));
  const last = (high: number): number => Math.min(GLYPH_SIZE - 1, Math.floor(high + reach));
  for (let row = first(Math.min(a[1], b[1])); row <= last(Math.max(a[1], b[1])); row++) {
    for (let column = first(Math.min(a[0], b[0])); column <= last(Math.max(a[0], b[0])); column++) {
      const px = column + 0.5 - a[0];
      const py = row + 0.5 - a[1];
      const along = lengthSquared === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / lengthSquared));
      const ex = px - along * dx;
      const ey = py - along * dy;
      const squared = ex * ex + ey * ey;
      const pixel = row * GLYPH_SIZE + column;
      if (squared < (distances[pixel] as number)) distances[pixel] = squared;
    }
  }
}
