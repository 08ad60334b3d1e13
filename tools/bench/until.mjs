// Draws that `--until` takes, beside those of a fixed n: the same images, the same noise. All n draws are made once, counted at
// every look, and each rule is asked where it would have ended: what `certify --until` draws is the beginning of the same draws.
//   node tools/bench/until.mjs MODEL DATA SIGMA [--images 50] [--skip 100] [--n 100000]
// Or votes as chance gives them, where the probability of every image's class is what a log of another run counted:
//   node tools/bench/until.mjs --counts LOG.tsv --sigma SIGMA [--n 100000]       columns count_top and n
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openPlain } from '../../dist/methods/smoothing/open.js';
import { sigmaOf } from '../../dist/methods/smoothing/settings.js';
import { openContext } from '../../dist/runs/context.js';
import { openSubject } from '../../dist/runs/open-subject.js';
import { Stage } from '../../dist/smoothing/noise/philox.js';
import { votingOf } from '../../dist/smoothing/stopping/voting.js';
import { clopperPearsonLower } from '../../dist/smoothing/votes/clopper-pearson.js';
import { lessTau, radiusAtProbability } from '../../dist/smoothing/votes/latent-radius.js';
import { selectedClass, sumOfVotes } from '../../dist/smoothing/votes/vote-counts.js';
import { table } from './measure.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: 'string', default: '50' },
    skip: { type: 'string', default: '100' },
    n: { type: 'string', default: '100000' },
    counts: { type: 'string' },
    sigma: { type: 'string' },
  },
});
const [model, data, level] = positionals;
const sigma = sigmaOf(Number(values.sigma ?? level));
const [images, skip, most] = [values.images, values.skip, values.n].map(Number);
const ALPHA = 0.001;
const N0 = 100;
const SEED = 2026n;
const RADII = [0.25, 0.5, 1];

/** Numbers of draws at which any rule may look, for this n. */
function looksTo(n) {
  const looks = new Set([n]);
  for (const first of [128, 512])
    for (let look = first; look <= 0.75 * n; look = 64 * Math.ceil((look * 1.15) / 64)) looks.add(look);
  return looks;
}

const atAnyLook = [...new Set([...looksTo(most), ...looksTo(10_000)])]
  .filter((k) => k <= most)
  .sort((a, b) => a - b);
const NONE = sumOfVotes([], 1000);

/** Votes at every look, of images whose draws are made. */
async function drawn() {
  const context = openContext({ workers: 2, batch: 64 });
  const subject = await openSubject({ model, data }, () => {});
  const probes = [await subject.data.image(0)];
  const settings = { sigma, n0: N0, n: most, alpha: ALPHA, bound: 'clopper-pearson' };
  const smoothed = (await openPlain(subject, probes, context)).at(settings, { seed: SEED, series: 0 });
  const all = [];
  const started = performance.now();
  for (let k = 0; k < images; k++) {
    const image = { index: k * skip, pixels: await subject.data.image(k * skip) };
    const draw = (stage, from, draws) =>
      smoothed.votes(image, { stage, draws, sigma, seed: SEED, from }, context.signal);
    const selected = selectedClass(await draw(Stage.selection, 0, N0));
    const counts = new Map();
    let [votes, from, tau] = [NONE, 0, 0];
    for (const look of atAnyLook) {
      const more = await draw(Stage.estimation, from, look - from);
      votes = sumOfVotes([votes, more], subject.classifier.classes);
      [from, tau] = [look, more.tau];
      counts.set(look, votes);
    }
    if (selected !== null) all.push({ selected, counts, tau });
    if (k % 10 === 9)
      console.error(`${k + 1} images, ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
  await smoothed.close();
  await context.resources.close();
  return all;
}

/** Votes at every look, as chance gives them. */
function simulated(log) {
  const [header, ...lines] = readFileSync(log, 'utf8').trim().split('\n');
  const [top, total] = ['count_top', 'n'].map((name) => header.split('\t').indexOf(name));
  const uniform = createUniform(20_261_127);
  return lines.map((line) => {
    const cells = line.split('\t');
    const p = Number(cells[top]) / Number(cells[total]);
    const counts = new Map();
    let [k, from] = [0, 0];
    for (const look of atAnyLook) {
      for (; from < look; from++) if (uniform() < p) k++;
      counts.set(look, { counts: [k, look - k], nonFinite: 0 });
    }
    return { selected: 0, counts, tau: 0 };
  });
}

/** Uniform numbers in (0, 1) from a seed (mulberry32). */
function createUniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
}

/** Where a rule ends, and what is certified there. */
function ended({ selected, counts, tau }, n, until, target) {
  const voting = votingOf({ n, bound: 'clopper-pearson', until });
  const radiusAt = (p) => radiusAtProbability(lessTau(p, tau), sigma);
  const purpose = { n, alpha: ALPHA, target, radiusAt };
  let [drawn, votes] = [0, NONE];
  for (let more = voting.next(votes, selected, purpose); more > 0; ) {
    drawn += more;
    votes = counts.get(drawn);
    more = voting.next(votes, selected, purpose);
  }
  const { pA } = voting.probabilities(votes, selected, ALPHA);
  return { draws: drawn + N0, pA, radius: radiusAt(pA) };
}

const mean = (xs) => xs.reduce((sum, x) => sum + x, 0) / xs.length;
const percent = (x) => `${(100 * x).toFixed(2)} %`;

function decisions(all, n) {
  const rows = [['decide', 'certified by n', 'by the rule', 'differ', 'mean draws', 'of n', 'fewer', 'most']];
  for (const radius of RADII) {
    const whole = all.map((one) => ended(one, n, 'n', radius).radius >= radius);
    const early = all.map((one) => ended(one, n, `radius >= ${radius}`, radius));
    const yes = early.map((one) => one.radius >= radius);
    const draws = mean(early.map((one) => one.draws));
    rows.push([
      `radius >= ${radius}`,
      whole.filter(Boolean).length,
      yes.filter(Boolean).length,
      yes.filter((one, k) => one !== whole[k]).length,
      Math.round(draws),
      percent(draws / (n + N0)),
      `${((n + N0) / draws).toFixed(1)} times`,
      Math.max(...early.map((one) => one.draws)),
    ]);
  }
  return table(rows);
}

/**
 * Draws that would do if one knew beforehand how many: the fewest whose Clopper-Pearson bound, at the share of votes that all n
 * draws show, is within 5 %. No rule can be expected to take fewer.
 */
function fewestDraws({ selected, counts, tau }, n, whole) {
  if (whole === 0) return 0;
  const share = counts.get(n).counts[selected] / n;
  const radiusAfter = (draws) =>
    radiusAtProbability(lessTau(clopperPearsonLower(Math.round(share * draws), draws, ALPHA), tau), sigma);
  let [low, high] = [0, n];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (radiusAfter(middle) >= 0.95 * whole) high = middle;
    else low = middle;
  }
  return high;
}

function tolerances(all, n) {
  const rows = [
    [
      ...['within', 'images', 'mean draws', 'fewer', 'fewer at best'],
      ...['mean loss of radius', 'largest loss', 'newly abstaining'],
    ],
  ];
  for (const [name, wanted] of [
    ['all', () => true],
    ['p_A <= 0.99', ({ pA }) => pA <= 0.99],
    ['p_A > 0.99', ({ pA }) => pA > 0.99],
    ['every draw a vote', ({ unanimous }) => unanimous],
  ]) {
    const pairs = all
      .map((one) => {
        const whole = ended(one, n, 'n', 0);
        const unanimous = one.counts.get(n).counts[one.selected] === n;
        const fewest = fewestDraws(one, n, whole.radius);
        return [{ ...whole, unanimous, fewest }, ended(one, n, 'tolerance 5%', 0)];
      })
      .filter(([whole]) => wanted(whole));
    if (pairs.length === 0) continue;
    const losses = pairs.filter(([whole]) => whole.radius > 0).map(([a, b]) => 1 - b.radius / a.radius);
    const draws = mean(pairs.map(([, early]) => early.draws));
    rows.push([
      `5 %, ${name}`,
      pairs.length,
      Math.round(draws),
      `${((n + N0) / draws).toFixed(1)} times`,
      `${((n + N0) / (N0 + mean(pairs.map(([{ fewest }]) => fewest)))).toFixed(1)} times`,
      losses.length === 0 ? '-' : percent(mean(losses)),
      losses.length === 0 ? '-' : percent(Math.max(...losses)),
      pairs.filter(([whole, early]) => whole.radius > 0 && early.radius === 0).length,
    ]);
  }
  return table(rows);
}

const all = values.counts === undefined ? await drawn() : simulated(values.counts);
const whose = values.counts ?? model;
console.log(`${whose.split('/').at(-1)}, sigma ${sigma}, ${all.length} images, alpha ${ALPHA}, n0 ${N0}`);
for (const n of [...new Set([most, 10_000])].filter((k) => k <= most))
  console.log(`\nn = ${n}\n${decisions(all, n)}\n\n${tolerances(all, n)}`);
