/** Seeded random numbers for weights, attributes and directions (mulberry32, Box-Muller). */
export interface Random {
  uniform(low: number, high: number): number;
  normal(): number;
  /** An integer in low..high, both included. */
  integer(low: number, high: number): number;
  pick<T>(choices: readonly T[]): T;
  /** Rounded to float32, the values a model file can hold. */
  float32s(size: number, spread?: number): number[];
  normals(size: number): Float64Array;
}

export function randomSource(seed: number): Random {
  let state = (seed * 2654435761) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
  const integer = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    uniform: (low, high) => low + (high - low) * next(),
    normal,
    integer,
    pick: (choices) => choices[integer(0, choices.length - 1)] as (typeof choices)[number],
    float32s: (size, spread = 1) => Array.from({ length: size }, () => Math.fround(spread * normal())),
    normals: (size) => Float64Array.from({ length: size }, normal),
  };
}
