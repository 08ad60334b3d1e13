/**
 * One certificate as a worked derivation, as data: `explain` prints it and a report can draw it. The steps are the
 * method's; the conclusion is worded here, alike for all.
 */
import { roundDown, tidy } from '../ground/decimal.ts';
import { capitalised } from '../ground/sentence.ts';
import { classInWords } from '../records/names.ts';
import { normOf } from '../records/norm.ts';
import type { CertificateRecord, Guarantee, RunHeader } from '../records/record.ts';
import { methodOf } from './index.ts';
import type { DerivationStep, MethodDerivation } from './method.ts';

export interface Derivation extends Pick<MethodDerivation, 'symbols'> {
  /** Title of the method. */
  readonly method: string;
  readonly guarantee: Guarantee;
  readonly abstained: boolean;
  readonly steps: readonly DerivationStep[];
  /** What is certified in the end, or that nothing is. */
  readonly conclusion: string;
  /** That the class certified is not the label; null where it is, or nothing is certified, or there is no label. */
  readonly mistake: string | null;
}

/**
 * @param k number of the series
 * @throws RangeError when the run has no such series
 */
export function derivationOf(header: RunHeader, record: CertificateRecord, k = 0): Derivation {
  const series = header.series[k];
  const certificate = record.series[k];
  if (series === undefined || certificate === undefined) throw new RangeError(`the run has no series ${k}`);
  const method = methodOf(series);
  const { steps, symbols, classifier, chance } = method.derive(certificate, series, header);
  const { prediction, radius, failureProbability: p } = certificate;
  const claim =
    `${classifier} answers class ${classInWords(header.model, prediction)} for every image within ${normOf(series)} distance ${roundDown(radius, 6)} ` +
    `(${roundDown(radius * 255, 1)} in units of 1/255)`;
  const conclusion =
    prediction === null
      ? `${capitalised(classifier)} abstains: nothing is certified for this image.`
      : series.guarantee !== 'certificate'
        ? `ESTIMATE, NOT A BOUND: it is not proved that ${claim}.`
        : p > 0
          ? `Except with probability ${tidy(p)} ${chance}, ${claim}.`
          : `${capitalised(claim)}.`;
  const { label } = record;
  const mistake =
    prediction === null || label === null || prediction === label
      ? null
      : `That is wrong: the label is ${classInWords(header.model, label)}. A certificate shows that the answer is stable, not that it is right.`;
  return {
    ...{ method: method.title, guarantee: series.guarantee, abstained: prediction === null },
    ...{ steps, conclusion, mistake, symbols },
  };
}
