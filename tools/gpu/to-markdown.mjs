// Turns what check.sh wrote into the tables of docs/benchmarks.md, on stdout.
//   node tools/gpu/to-markdown.mjs FOLDER [--require-gpu]
// --require-gpu: exit code 1 unless every model ran on a GPU provider with the CPU's verdict on every image.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const read = (file) => JSON.parse(readFileSync(join(folder, file), 'utf8'));
const verdicts = existsSync(join(folder, 'verdicts.json')) ? read('verdicts.json') : [];
// A run that was stopped leaves an empty file; it is named rather than left out.
const files = readdirSync(folder).filter((file) => /^throughput\..*\.json$/.test(file));
const stopped = files.filter((file) => readFileSync(join(folder, file), 'utf8') === '');
const runs = files.filter((file) => !stopped.includes(file)).map(read);

console.log(`${verdictTable()}\n\n${speedTable()}\n\n${voteLines()}`);
for (const file of stopped) console.log(`${file} is empty: the run broke off or ran out of time.`);
if (process.argv.includes('--require-gpu')) process.exitCode = agrees() ? 0 : 1;

function verdictTable() {
  const rows = [
    [
      'model',
      'images',
      'draws',
      'provider',
      'same verdict',
      'identical votes',
      'most votes moved',
      'largest radius difference',
    ],
  ];
  for (const { name, images, draws, comparisons } of verdicts)
    for (const { provider, failed, ...found } of comparisons)
      rows.push(
        failed === undefined
          ? [
              name,
              images,
              draws,
              provider,
              `${found.sameVerdicts} of ${images}`,
              `${found.sameVotes} of ${images}`,
              found.mostVotesMoved,
              found.largestRadiusDifference.toExponential(1),
            ]
          : [name, images, draws, provider, `not run: ${firstLine(failed)}`, '', '', ''],
      );
  return markdown(rows);
}

function speedTable() {
  const rows = [['right half', 'runtime', 'workers', 'batch', 'with noise /s', 'network alone /s']];
  const ordered = runs.flatMap(({ runtime, device, rows }) =>
    rows.map((row) => ({ ...row, runtime: device === undefined ? runtime : `${runtime} (${device})` })),
  );
  for (const row of ordered.sort((a, b) => a.network.localeCompare(b.network)))
    rows.push(
      row.failed === undefined
        ? [
            row.network,
            row.runtime,
            row.workers ?? '',
            row.batch,
            whole(row.withNoise),
            whole(row.networkAlone),
          ]
        : [row.network, row.runtime, '', row.batch, `not run: ${firstLine(row.failed)}`, ''],
    );
  return markdown(rows);
}

/** The same 10,000 draws through the random networks on each provider: how many votes differ from the CPU's. */
function voteLines() {
  const votesOf = (provider, network) =>
    runs
      .find((run) => run.provider === provider && run.rows.some((row) => row.votes))
      ?.rows.find((row) => row.network === network && row.votes)?.votes;
  const lines = [];
  for (const provider of ['cuda', 'webgpu'])
    for (const network of ['LeNet', 'ResNet-20']) {
      const [cpu, gpu] = [votesOf('cpu', network), votesOf(provider, network)];
      if (cpu === undefined || gpu === undefined) continue;
      const total = cpu.reduce((a, b) => a + b, 0);
      const moved = cpu.reduce((sum, count, k) => sum + Math.abs(count - gpu[k]), 0) / 2;
      lines.push(`${network} right half, ${provider}: ${moved} of ${total} votes differ from the CPU's.`);
    }
  return lines.length > 0 ? lines.join('\n') : 'No GPU provider drew votes.';
}

/** Every model ran on some GPU provider, and none that ran gave another verdict than the CPU. */
function agrees() {
  const ranOn = verdicts.map(({ comparisons }) => comparisons.filter(({ failed }) => failed === undefined));
  const same = (ran, i) => ran.length > 0 && ran.every((it) => it.sameVerdicts === verdicts[i].images);
  return verdicts.length > 0 && ranOn.every(same);
}

function whole(perSecond) {
  return perSecond === undefined ? '' : Math.round(perSecond).toLocaleString('en-US');
}

function firstLine(text) {
  return text.split('\n')[0].replaceAll('|', '\\|');
}

function markdown([head, ...rows]) {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
