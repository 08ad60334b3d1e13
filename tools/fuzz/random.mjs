// A small seeded generator (splitmix32): mutant k of seed s is the same bytes on every machine.

/** Numbers of [0,1), and the choices made with them. */
export function randomSource(...seeds) {
  let state = seeds.reduce((hash, seed) => Math.imul(hash ^ seed, 0x85ebca6b) + 0x9e3779b9, 0x2545f491) >>> 0;
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let t = state ^ (state >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return ((t ^ (t >>> 15)) >>> 0) / 2 ** 32;
  };
  const below = (n) => Math.floor(next() * n);
  const pick = (list) => list[below(list.length)];
  return { next, below, pick, chance: (p) => next() < p };
}
