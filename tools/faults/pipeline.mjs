// Faults in the pipeline: of noise to the one session, and of votes back.
const COUNTING = 'src/onnx/compose/pipelined.ts';
const COUNTED = 'test/onnx/compose/pipelined.test.ts';
const JOB = 'src/smoothing/pipeline/job.ts';
const PRODUCER = 'src/smoothing/pipeline/noise-producer.ts';
const SESSION = 'src/smoothing/pipeline/session-half.ts';
const PIPELINE = 'test/smoothing/pipeline.test.ts';

export const PIPELINE_FAULTS = [
  {
    name: 'pipeline: rows that are padding counted',
    file: COUNTING,
    from: "apply('Mul', [whole, weights])",
    to: 'whole',
    tests: COUNTED,
  },
  {
    name: 'pipeline: padding counted among what is not finite',
    file: COUNTING,
    from: "apply('Mul', [apply('Sub', [one, whole]), weights])",
    to: "apply('Sub', [one, whole])",
    tests: COUNTED,
  },
  {
    name: 'pipeline: rows with a NaN vote',
    file: COUNTING,
    from: "const finite = float(apply('Less', [apply('Abs', [rows]), floats('infinity', [1], [Infinity])]));",
    to: "const finite = float(apply('Not', [apply('Less', [floats('infinity', [1], [3e38]), apply('Abs', [rows])])]));",
    tests: COUNTED,
  },
  {
    name: 'pipeline: the last of equal logits has the vote',
    file: COUNTING,
    from: '(_, k) => classes - k)',
    to: '(_, k) => k + 1)',
    tests: COUNTED,
  },
  {
    name: 'pipeline: a provider that counts otherwise is believed',
    file: 'src/smoothing/pipeline/counting-check.ts',
    from: '.every((count, c) => count === votes[c])',
    to: '.every(() => true)',
    tests: 'test/smoothing/pipeline-counting.test.ts',
  },
  {
    name: 'pipeline: votes that are not those of the logits are believed',
    file: 'src/smoothing/pipeline/batch-tally.ts',
    from: 'if (counted.every((count, c) => count === votes[c])) return;',
    to: 'if (counted.length > 0) return;',
    tests: 'test/smoothing/pipeline-counting.test.ts',
  },
  {
    name: 'pipeline: more votes than rows are believed',
    file: SESSION,
    from: 'if (total !== drawn || votes.some((count) => count < 0))',
    to: 'if (votes.some((count) => count < 0))',
    tests: 'test/smoothing/pipeline-counting.test.ts',
    rebuild: true,
  },
  {
    name: 'pipeline: a batch counted twice',
    file: JOB,
    from: '    tally.add(ran, drawn);\n',
    to: '    tally.add(ran, drawn);\n    if (b === 1) tally.add(ran, drawn);\n',
    tests: PIPELINE,
    rebuild: true,
  },
  {
    name: 'pipeline: every part has the noise of the first',
    file: PRODUCER,
    from: 'half, request, first, drawn);',
    to: 'half, request, first - part * half.layout.partRows, drawn);',
    tests: PIPELINE,
    rebuild: true,
  },
  {
    name: 'pipeline: memory given back before it was read',
    file: JOB,
    from: '    const parts: Float32Array[] = [];\n',
    to: '    const parts: Float32Array[] = [];\n    for (const part of arrived) new Float32Array(part.buffer).fill(0);\n',
    tests: PIPELINE,
    rebuild: true,
  },
  {
    name: 'pipeline: the noise of a chunk of rows repeated',
    file: PRODUCER,
    from: 'sample: first + done }',
    to: 'sample: first }',
    tests: PIPELINE,
    rebuild: true,
  },
  {
    name: 'pipeline: rows not run alone',
    file: JOB,
    from: 'const compared = b === 0 && layout.batch > 1 && !continued;',
    to: 'const compared = b === 0 && layout.batch > 1 && !continued && total < 0;',
    tests: PIPELINE,
    rebuild: true,
  },
  {
    name: 'pipeline: an aborted count keeps the memory of the producers',
    file: JOB,
    from: '    for (const parts of waiting.values()) for (const part of parts) part.giveBack();\n',
    to: '',
    tests: 'test/smoothing/pipeline-job.test.ts',
  },
];
