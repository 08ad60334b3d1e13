/** `plan`: a pilot run that estimates the cost of a certification and finds the best cut and noise for it. */
import { basename } from 'node:path';
import { UsageError } from '../../ground/errors.ts';
import { note } from '../../methods/context.ts';
import { numberList } from '../../methods/sourced.ts';
import { checkPlan, type PlanRequest, plan } from '../../runs/plan/plan.ts';
import { plannedSettings, writeConfig } from '../config/written-config.ts';
import { contextOf } from '../context.ts';
import type { PlanFlags } from '../declarations/plan.ts';
import { refuseToOverwrite } from '../output-file.ts';
import { seriesRequests } from '../series-flags.ts';
import { warningLines } from '../terminal/findings.ts';
import { renderPlan } from '../terminal/plan.ts';
import { screenOf } from '../terminal/style.ts';

export async function run(flags: PlanFlags): Promise<void> {
  const request: PlanRequest = {
    ...flags,
    ...seriesRequests(flags),
    cuts: flags.cuts?.split(',').map((name) => name.trim()),
    levels: flags.levels === undefined ? undefined : numberList('--levels')(flags.levels),
  };
  checkPlan(request);
  if (flags.out !== undefined) refuseToOverwrite(flags.out, [flags.model], flags.force);
  await contextOf(flags, 'Run the command again.', async (context) => {
    const { subject, document, decision } = await plan(request, context);
    for (const text of warningLines(subject.findings)) note(context, text);
    const planned = document.certifies ? plannedSettings(flags, decision) : null;
    if (flags.json) process.stdout.write(`${JSON.stringify({ ...document, config: planned })}\n`);
    else process.stdout.write(renderPlan(document, screenOf(process.stdout, process.env)));
    if (flags.out === undefined) return;
    if (planned === null) {
      throw new UsageError({
        what: `${flags.out} was not written`,
        why: 'no setting that was tried certifies anything',
        remedy: 'Follow what the plan says, and plan again.',
      });
    }
    const { files } = subject.classifier.source;
    const why = [
      `written by splitz-onnx plan for ${basename(flags.model)}, sha256 ${files[0]?.sha256 ?? ''}`,
      `chosen on ${document.pilot.from}: expected average radius ${document.best.averageRadius.toFixed(3)}`,
    ];
    writeConfig(flags.out, planned, why);
    note(context, `next   splitz-onnx certify ${flags.model} --config ${flags.out}`);
  });
}
