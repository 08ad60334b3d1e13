// Attacks certificates of the shipped models inside their radii, many and cheap: few draws each, a projected gradient
// attack at 0.999 of the radius on the soft smoothed classifier, then fresh votes of the certified object. One line per
// image in a file that a second start continues.
//
//   npm run build && nice -n 10 node tools/attack/soundness.mjs FILE.jsonl [--per 100] [--only 0,1] [--inflate 1]
//   node tools/attack/soundness.mjs FILE.jsonl --summary
//
// --per N: images of each configuration; --only: numbers of the configurations to run, so that several processes may
// share the work (a file each; `cat` puts them together). --inflate 3: pretends that every radius is three times as large, to see that the
// attack finds what it should. A vote is a success only at level ALPHA; what chance alone may give is printed.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const ALPHA = 1e-6;
const DRAWS = { n0: 30, n: 150 };
/** Votes on the attacked image: the first look, and all of them where that look leaves a doubt. */
const LOOK = { draws: 40, enough: 30 };
const CONFIRM = 400;
const PGD = { rows: 16, draws: 8, steps: 5 };
const INSIDE = 0.999;
const CONFIGURATIONS = [
  { model: 'glyphs-splitz', split: 'conv1', sigma: 0.5, lipschitz: 'global' },
  { model: 'glyphs-splitz', split: 'conv1', sigma: 0.5, lipschitz: 'secant' },
  { model: 'glyphs-splitz', split: 'input', sigma: 0.435, lipschitz: 'secant' },
  { model: 'glyphs-lenet', split: 'relu1', sigma: 0.5, lipschitz: 'global' },
  { model: 'glyphs-lenet', split: 'input', sigma: 0.5, lipschitz: 'secant' },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    per: { type: 'string', default: '100' },
    only: { type: 'string' },
    inflate: { type: 'string', default: '1' },
    summary: { type: 'boolean', default: false },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error('name the file of the results');
const inflate = Number(values.inflate);
const nameOf = ({ model, split, lipschitz }) => `${model} ${split} ${lipschitz}`;

/** Whole lines of the file: a torn last one is not there. */
function lines() {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
}

function summarise() {
  const all = lines();
  const rows = CONFIGURATIONS.map((configuration) => {
    const own = all.filter(({ configuration: name }) => name === nameOf(configuration));
    return summaryOf(nameOf(configuration), own);
  });
  console.table([...rows, summaryOf('all', all)]);
  const attacked = all.filter(({ radius }) => radius > 0).length;
  const chance = attacked * (ALPHA + 1e-6 + ALPHA);
  console.log(
    `expected by chance at most ${chance.toPrecision(2)} (alpha ${ALPHA}, delta 1e-6, confirmations ${ALPHA})`,
  );
}

function summaryOf(configuration, results) {
  const attacked = results.filter(({ radius }) => radius > 0);
  const radii = attacked.map(({ radius }) => radius).sort((a, b) => a - b);
  const share = ({ votes, draws }) => votes / draws;
  return {
    configuration,
    images: results.length,
    attacked: attacked.length,
    'median radius': radii[Math.floor(radii.length / 2)]?.toFixed(3),
    'looked at twice': attacked.filter(({ draws }) => draws > LOOK.draws).length,
    'least share of votes': attacked.length > 0 ? Math.min(...attacked.map(share)).toFixed(3) : '',
    successes: attacked.filter(({ changed }) => changed).length,
  };
}

if (values.summary) {
  summarise();
  process.exit(0);
}

const from = (path) => import(new URL(`../../dist/${path}`, import.meta.url));
const { drawGroup } = await from('smoothing/draw-group.js');
const { openContext, openSubject, findCut, Stage } = await from('index.js');
const { openGradientAttack } = await from('attack/open-gradient-attack.js');
const { inputCut, openPlain } = await from('methods/smoothing/open.js');
const { predictedClass } = await from('methods/smoothing/prediction.js');
const { runBound } = await from('methods/splitz/left-half.js');
const { openSplit } = await from('methods/splitz/open.js');

const context = openContext({ workers: 1 });
const done = new Set(lines().map(({ configuration, index }) => `${configuration} ${index}`));
const only = values.only?.split(',').map(Number) ?? [...CONFIGURATIONS.keys()];
for (const [k, configuration] of CONFIGURATIONS.entries()) {
  if (!only.includes(k)) continue;
  const { model, split, sigma, lipschitz } = configuration;
  const subject = await openSubject({
    model: new URL(`../../models/${model}.onnx`, import.meta.url).pathname,
    data: 'glyphs',
  });
  const { classifier, data } = subject;
  const indices = Array.from({ length: Number(values.per) }, (_, i) => (k * 2000 + i) % data.length).filter(
    (index) => !done.has(`${nameOf(configuration)} ${index}`),
  );
  if (indices.length === 0) continue;
  const probes = [await data.image(0)];
  const settings = { sigma, ...DRAWS, alpha: ALPHA, bound: 'clopper-pearson' };
  const noise = { seed: 0n, series: 0 };
  const cut = split === 'input' ? inputCut(classifier) : findCut(classifier.cuts, split);
  const open = async () => {
    if (split === 'input') return openPlain(subject, probes, context);
    const { left, globalBound } = runBound(classifier, split, lipschitz, noise.seed);
    return openSplit(subject, cut, left, globalBound, probes, context);
  };
  const smoothed = (await open()).at(settings, noise);
  const { rows, draws, steps } = PGD;
  const attack = await openGradientAttack(classifier, cut, {
    ...{ rows, draws, sigma, seed: 0n, range: null, threads: 1 },
  });

  /** Votes on an attacked image, and whether they change the answer. */
  const confirm = async (pixels, index, prediction) => {
    const draw = { stage: Stage.attackConfirmation, sigma, seed: 0n };
    const votesOf = (more) => smoothed.votes({ index, pixels }, { ...draw, ...more }, context.signal);
    const look = await votesOf({ draws: LOOK.draws });
    if (look.counts[prediction] >= LOOK.enough)
      return { votes: look.counts[prediction], draws: LOOK.draws, changed: false };
    const votes = await votesOf({ draws: CONFIRM, from: LOOK.draws });
    const answer = predictedClass(votes, ALPHA, votes.tau).prediction;
    return {
      votes: votes.counts[prediction],
      draws: CONFIRM,
      changed: answer !== null && answer !== prediction,
    };
  };

  /** Certified images wait here until a batch of the attack is full. */
  let waiting = [];
  const attackWaiting = async () => {
    if (waiting.length === 0) return;
    const starts = waiting.map(({ image, index, prediction }) => ({
      ...{ image, index, start: 0, goal: { from: prediction, to: null } },
    }));
    const candidates = await attack.worstInBall(
      starts,
      waiting.map(({ radius }) => INSIDE * inflate * radius),
      steps,
      context.signal,
    );
    for (const [i, { index, prediction, radius }] of waiting.entries()) {
      const { input, distance, margin } = candidates[i];
      if (!(distance <= inflate * radius)) throw new Error(`image ${index}: the attack left the ball`);
      const verdict = await confirm(input, index, prediction);
      const line = {
        configuration: nameOf(configuration),
        index,
        prediction,
        radius,
        distance,
        margin,
        ...verdict,
      };
      appendFileSync(file, `${JSON.stringify(line)}\n`);
      if (verdict.changed) console.log(`SUCCESS INSIDE THE RADIUS: ${JSON.stringify(line)}`);
    }
    waiting = [];
  };

  const began = performance.now();
  for (const [i, index] of indices.entries()) {
    const image = await data.image(index);
    const { prediction, radius } = await smoothed.certifyOne({ index, pixels: image }, context, drawGroup(1));
    if (radius > 0) waiting.push({ image, index, prediction, radius });
    else
      appendFileSync(
        file,
        `${JSON.stringify({ configuration: nameOf(configuration), index, prediction, radius })}\n`,
      );
    if (waiting.length === rows) await attackWaiting();
    if ((i + 1) % 200 === 0) {
      const each = (performance.now() - began) / (i + 1);
      console.log(`${nameOf(configuration)}: ${i + 1}/${indices.length} images, ${each.toFixed(0)} ms each`);
    }
  }
  await attackWaiting();
  await attack.close();
  await smoothed.close();
}
await context.resources.close();
summarise();
