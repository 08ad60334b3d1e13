/**
 * A refusal as a finding: what the checks cannot see in the file (ONNX Runtime's verdict, a run) is reported alongside.
 */
import type { ModelRefused } from '../../ground/errors.ts';
import { type Finding, findingOf, type Rule } from './finding.ts';

export const refused: Rule = {
  id: 'SPLITZ001',
  name: 'refused',
  severity: 'error',
  title: 'The model cannot be certified as it is.',
  why: 'a certificate would say nothing about this file',
  remedy: 'Export the model again.',
};

/** A model whose answer for an image depends on the other images of its batch; found by running three rows. */
export const rowCoupling: Rule = {
  id: 'SPLITZ024',
  name: 'row-coupling',
  severity: 'error',
  title: 'The rows of a batch influence each other.',
  why: 'the answer for one image depends on the other images of its batch, so there is no decision per image to certify',
  remedy: 'Call model.eval() before exporting, or export with a fixed batch size of 1.',
};

/** @param name the file's name; a refusal without a place is about all of it */
export function refusalFinding({ report }: ModelRefused, name: string): Finding {
  const rule = report.rule === rowCoupling.id ? rowCoupling : refused;
  return findingOf(rule, {
    where: placeIn(report.where, name),
    what: report.what,
    ...(report.why === undefined ? {} : { why: report.why }),
    remedy: report.remedy,
  });
}

/** A place without the path of the file: results are published, folders of the auditor's machine are not. */
function placeIn(where: string | undefined, name: string): string {
  if (where === undefined) return name;
  const at = where.lastIndexOf(name);
  const rest = at < 0 ? where : where.slice(at + name.length).replace(/^[:,]\s*/, '');
  return rest === '' ? name : rest;
}
