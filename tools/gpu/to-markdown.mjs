// Turns what run.sh wrote into the tables of docs/benchmarks.md, on stdout.
//   node tools/gpu/to-markdown.mjs FOLDER [--require cuda]
// --require: exit code 1 unless every model ran on that provider with the CPU's verdict on every image.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Zhong and Tandon 2024 (SPLITZ): one image, n = 100,000, ResNet-110 on a P100. */
const PAPER = 50.7;

const folder = process.argv[2];
const text = (file) => (existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : '');
/** A last line that was not finished is left out: its run was stopped. */
const lines = (file) =>
  text(file)
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
const verdicts = text('verdicts.json') === '' ? [] : JSON.parse(text('verdicts.json'));

const sections = [
  ['Verdicts compared with the CPU’s', verdictTable()],
  ['Samples per second', speedTable()],
  ['Seconds per image', secondsTable()],
  ['Training', fenced(text('training.txt'))],
  [
    'A network trained in the time that was left',
    fenced(text('trained.txt').split('\n').slice(-8).join('\n')),
  ],
  ['Steps', fenced(text('steps.txt'))],
  ['Machine', fenced(text('machine.txt').split('\n').slice(0, 4).join('\n'))],
];
for (const [title, body] of sections) console.log(`### ${title.replace('’', "'")}\n\n${body}\n`);
const at = process.argv.indexOf('--require');
if (at > 0) process.exitCode = agreesOn(process.argv[at + 1]) ? 0 : 1;

function verdictTable() {
  const rows = [
    ['model', 'provider', 'same verdict', 'identical votes', 'votes moved', 'largest radius difference'],
  ];
  for (const { name, comparisons, failed } of verdicts) {
    if (failed !== null) rows.push([name, `cpu: not run: ${firstLine(failed)}`, '', '', '', '']);
    for (const { provider, failed: why, ...found } of comparisons)
      rows.push(
        why === undefined
          ? [
              ...[name, provider],
              `${found.sameVerdicts} of ${found.verdicts}`,
              `${found.sameVotes} of ${found.verdicts}`,
              `${found.votesMoved} of ${whole(found.votes)}`,
              found.largestRadiusDifference.toExponential(1),
            ]
          : [name, `${provider}: not run: ${firstLine(why)}`, '', '', '', ''],
      );
  }
  return markdown(rows);
}

function speedTable() {
  const rows = [
    [
      'right half',
      'runtime',
      'batch',
      'with noise /s',
      'noise shared by 8 /s',
      'network alone /s',
      'votes counted',
    ],
  ];
  const ordered = lines('throughput.jsonl').sort((a, b) => a.network.localeCompare(b.network));
  for (const { network, runtime, device, batch, failed, ...found } of ordered)
    rows.push([
      ...[network, device === undefined ? runtime : `${runtime} (${device})`, batch],
      ...(failed === undefined
        ? [
            ...[found.withNoise, found.withSharedNoise, found.networkAlone].map(whole),
            found.votesCounted ?? 'device',
          ]
        : [`not run: ${firstLine(failed)}`, '', '', '']),
    ]);
  return `${markdown(rows)}\n\nThe network alone of splitz-onnx copies its batch to the device at every run, PyTorch's does not.`;
}

function secondsTable() {
  const rows = [
    ['network', 'provider', 'n', 'ends', 'draws per image', 's per image', `paper's ${PAPER} s, P100`],
  ];
  for (const { network, provider, n, until, draws, seconds, failed } of lines('seconds.jsonl'))
    rows.push([
      ...[network, provider, whole(n), until ?? 'at n'],
      ...(failed === undefined
        ? [
            whole(draws),
            seconds.toFixed(3),
            until === null ? `${(PAPER / seconds).toFixed(1)} times faster` : '',
          ]
        : [`not run: ${failed}`, '', '']),
    ]);
  return markdown(rows);
}

/** Every model ran there, and gave the verdicts of the CPU. */
function agreesOn(provider) {
  if (provider === 'cpu') return verdicts.length > 0 && verdicts.every(({ failed }) => failed === null);
  return (
    verdicts.length > 0 &&
    verdicts.every(({ comparisons }) => {
      const found = comparisons.find((one) => one.provider === provider);
      return found !== undefined && found.failed === undefined && found.sameVerdicts === found.verdicts;
    })
  );
}

function whole(number) {
  return number === undefined ? '' : Math.round(number).toLocaleString('en-US');
}

function firstLine(said) {
  return said.split('\n')[0].replaceAll('|', '\\|');
}

function fenced(body) {
  return body.trim() === '' ? 'Not run.' : `\`\`\`text\n${body.trim()}\n\`\`\``;
}

function markdown([head, ...rows]) {
  if (rows.length === 0) return 'Not run.';
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
