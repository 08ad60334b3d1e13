// Compares what `certify` said on the CPU with what it said on each other provider: one JSON document on stdout.
//   node tools/gpu/verdicts.mjs FOLDER      FOLDER holds NAME.PROVIDER.jsonl and NAME.PROVIDER.error
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const said = (name, provider) => readFileSync(join(folder, `${name}.${provider}.error`), 'utf8').trim();
const drawsOf = ({ evidence }) => evidence.counts.reduce((sum, count) => sum + count, evidence.nonFinite);
const started = readdirSync(folder)
  .filter((file) => file.endsWith('.error'))
  .map((file) => file.split('.'));
const names = [...new Set(started.map(([name]) => name))];
console.log(JSON.stringify(names.map(compare), null, 2));

function compare(name) {
  const cpu = certificatesOf(name, 'cpu');
  const others = started.filter(([one, provider]) => one === name && provider !== 'cpu');
  return {
    name,
    images: cpu.length,
    draws: cpu.length === 0 ? null : drawsOf(cpu[0].series[0]),
    failed: cpu.length === 0 ? said(name, 'cpu') : null,
    comparisons: others.map(([, provider]) => ({
      provider,
      ...difference(cpu, certificatesOf(name, provider), said(name, provider)),
    })),
  };
}

/** Records of one run by image; empty when it was refused at the start. */
function certificatesOf(name, provider) {
  const file = join(folder, `${name}.${provider}.jsonl`);
  if (!existsSync(file)) return [];
  const records = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  return records.filter(({ kind }) => kind === 'certificate');
}

/** The same verdict: the same class, or both abstain, in every series. Votes that moved: half the l1 distance of the counts. */
function difference(cpu, other, error) {
  if (other.length !== cpu.length || cpu.length === 0)
    return { failed: error || `${other.length} of ${cpu.length} images` };
  const found = {
    verdicts: 0,
    sameVerdicts: 0,
    sameVotes: 0,
    votesMoved: 0,
    votes: 0,
    largestRadiusDifference: 0,
  };
  for (const [i, one] of cpu.entries()) {
    if (one.index !== other[i].index)
      throw new Error(`image ${one.index} was compared with ${other[i].index}`);
    for (const [k, series] of one.series.entries()) {
      const theirs = other[i].series[k];
      const distance = (sum, count, c) => sum + Math.abs(count - theirs.evidence.counts[c]);
      const moved = series.evidence.counts.reduce(distance, 0) / 2;
      found.verdicts++;
      if (series.prediction === theirs.prediction) found.sameVerdicts++;
      if (moved === 0) found.sameVotes++;
      found.votesMoved += moved;
      found.votes += drawsOf(series);
      const gap = Math.abs(series.radius - theirs.radius);
      found.largestRadiusDifference = Math.max(found.largestRadiusDifference, gap);
    }
  }
  return found;
}
