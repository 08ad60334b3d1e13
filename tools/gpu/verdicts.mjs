// Compares what `certify` said on the CPU with what it said on each GPU provider: one JSON document on stdout.
//   node tools/gpu/verdicts.mjs FOLDER      FOLDER holds NAME.PROVIDER.jsonl and NAME.PROVIDER.error
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const names = [...new Set(readdirSync(folder).map((file) => file.split('.')[0]))];
console.log(JSON.stringify(names.map(compare), null, 2));

function compare(name) {
  const providers = readdirSync(folder).flatMap((file) =>
    file.startsWith(`${name}.`) && file.endsWith('.error') ? [file.split('.')[1]] : [],
  );
  const cpu = certificatesOf(name, 'cpu');
  const others = providers.filter((provider) => provider !== 'cpu');
  return {
    name,
    images: cpu.length,
    draws: cpu[0]?.n ?? null,
    comparisons: others.map((provider) => ({
      provider,
      ...difference(cpu, certificatesOf(name, provider), name, provider),
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

/** The same verdict: the same class, or both abstain. Votes that moved: half the l1 distance of the counts. */
function difference(cpu, gpu, name, provider) {
  if (gpu.length !== cpu.length || cpu.length === 0) {
    const said = readFileSync(join(folder, `${name}.${provider}.error`), 'utf8').trim();
    return { failed: said || `${gpu.length} of ${cpu.length} images` };
  }
  let sameVerdicts = 0;
  let sameVotes = 0;
  let mostVotesMoved = 0;
  let largestRadiusDifference = 0;
  for (const [i, one] of cpu.entries()) {
    const other = gpu[i];
    if (one.index !== other.index) throw new Error(`image ${one.index} was compared with ${other.index}`);
    const moved = one.counts.reduce((sum, count, k) => sum + Math.abs(count - other.counts[k]), 0) / 2;
    if (one.abstained === other.abstained && one.prediction === other.prediction) sameVerdicts++;
    if (moved === 0) sameVotes++;
    mostVotesMoved = Math.max(mostVotesMoved, moved);
    largestRadiusDifference = Math.max(largestRadiusDifference, Math.abs(one.radius - other.radius));
  }
  return { sameVerdicts, sameVotes, mostVotesMoved, largestRadiusDifference };
}
