// Runs mutants one after the other as the product would meet them, and tells the parent about each: what is not a result
// or a refusal in words is a defect. Started by supervise.mjs with the folder for its files.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelRefused } from '../../dist/ground/errors.js';
import { inspectModel } from '../../dist/inspection/inspection.js';
import { openPlain } from '../../dist/methods/smoothing/open.js';
import { leftHalfBoundAt } from '../../dist/methods/splitz/left-half.js';
import { openSplit } from '../../dist/methods/splitz/open.js';
import { sizeOf } from '../../dist/onnx/model/graph.js';
import { inspectionDocument } from '../../dist/report/findings/document.js';
import { inspectionMarkdown } from '../../dist/report/findings/markdown.js';
import { sarifOf } from '../../dist/report/findings/sarif.js';
import { openContext } from '../../dist/runs/context.js';
import { drawGroup } from '../../dist/smoothing/draw-group.js';
import { answerJobs } from './answer.mjs';
import { mutant } from './mutate.mjs';
import { randomSource } from './random.mjs';
import { weightsData } from './seeds.mjs';

const [folder] = process.argv.slice(2);
const path = join(folder, 'mutant.onnx');
writeFileSync(join(folder, 'weights.data'), weightsData);

/** A few draws at some cut that has a bound, through worker threads, as `certify` does. */
async function certifyOnce({ classifier, cuts }, random) {
  const bounded = cuts.filter(({ why }) => why === null);
  const { cut } = random.pick(bounded);
  const image = Float32Array.from({ length: sizeOf(classifier.inputDims) }, () => random.next());
  const context = openContext({ workers: 1, batch: 4 });
  try {
    const ready =
      cut.index === 0
        ? await openPlain({ classifier }, [image], context)
        : await openSplit(
            { classifier },
            cut,
            leftHalfBoundAt(classifier, cut, 'secant'),
            1,
            [image],
            context,
          );
    const settings = { sigma: 0.5, n0: 8, n: 24, alpha: 0.001, bound: 'clopper-pearson' };
    const smoothed = ready.at(settings, { seed: 1n, series: 0 });
    const { radius } = await smoothed.certifyOne({ index: 0, pixels: image }, context, drawGroup(1));
    if (!(radius >= 0 && radius < Number.POSITIVE_INFINITY)) throw new Error(`a radius of ${radius}`);
  } finally {
    await context.resources.close();
  }
}

/** 'certified', 'opened', 'refused' ('died': after ONNX Runtime crashed of it in a process apart), or the text of a defect. */
async function outcomeOf({ seed, index, certify }) {
  const { bytes } = mutant(seed, index);
  writeFileSync(path, bytes);
  const inspection = await inspectModel(path, { milliseconds: 100 });
  JSON.stringify(inspectionDocument(inspection));
  sarifOf(inspection.findings, path, '0');
  inspectionMarkdown(inspection);
  if (inspection.refusal !== null)
    return { kind: /^ONNX Runtime crashed/.test(inspection.refusal.report.what) ? 'died' : 'refused' };
  if (!certify) return { kind: 'opened' };
  try {
    await certifyOnce(inspection, randomSource(seed, index, 1));
    return { kind: 'certified' };
  } catch (error) {
    if (error instanceof ModelRefused) return { kind: 'opened' };
    throw error;
  }
}

answerJobs(outcomeOf);
