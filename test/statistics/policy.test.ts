import { describe, expect, test } from 'vitest';
import { joinedRequirements } from '../../src/cli/joined-requirements.ts';
import type { SplitzError } from '../../src/ground/errors.ts';
import type { Outcome, RunHeader } from '../../src/records/record.ts';
import { clopperPearsonLower, clopperPearsonUpper } from '../../src/smoothing/votes/clopper-pearson.ts';
import { judge, parseRequirements } from '../../src/statistics/policy.ts';
import { exampleHeader, smoothingSeries, splitzSeries } from '../records/run.ts';

/** 100 images with radii 0.01 … 1.00: `abstained` of them abstain, then `wrong` of them are wrong. */
function outcomes(abstained = 0, wrong = 0): Outcome[] {
  return Array.from({ length: 100 }, (_, k) => ({
    ...{ index: k, label: 0, answer: 0 },
    verdicts: [
      {
        prediction: k < abstained ? null : k < abstained + wrong ? 1 : 0,
        radius: k < abstained ? 0 : (k + 1) / 100,
        ...{ localLipschitz: 1, failureProbability: 0.001, seconds: 0 },
      },
    ],
  }));
}

function met(text: string, of: readonly Outcome[] = outcomes(10, 5), header: RunHeader = exampleHeader()) {
  return parseRequirements(text).map((requirement) => judge(requirement, header, of).met);
}

const refusal = (text: string): string => {
  try {
    parseRequirements(text);
  } catch (error) {
    return (error as SplitzError).report.why ?? '';
  }
  throw new Error(`${text} was read`);
};

describe('a requirement', () => {
  test.each([
    // 51 images have a radius of 0.5 or more; 85 are certified and right; 10 of 100 abstain.
    ['certified@0.5 >= 0.51', true],
    ['certified@0.5 >= 51%', true],
    ['certified@0.5 > 51%', false],
    ['certified@0.5>=51.1%', false],
    ['CERTIFIED @ 0.5 >= .51', true],
    ['certified@0 >= 85%', true],
    ['accuracy >= 0.85', true],
    ['accuracy >= 0.86', false],
    ['abstained <= 10%', true],
    ['abstained < 0.1', false],
    ['acr >= 0.4', true],
    ['acr >= 0.5', false],
    ['acr < 0.5', true],
  ])('%s: %s', (text, expected) => {
    expect(met(text)).toEqual([expected]);
  });

  test('counts only right images, so an accuracy of wrong certificates is none', () => {
    expect(met('certified@0 >= 1%', outcomes(0, 100))).toEqual([false]);
    expect(met('abstained <= 0', outcomes(0, 100))).toEqual([true]);
  });

  test('with a confidence is judged by the one-sided bound on the safe side', () => {
    const lower = clopperPearsonLower(51, 100, 0.05);
    expect(met(`certified@0.5 >= ${lower - 1e-9} with 95%`)).toEqual([true]);
    expect(met(`certified@0.5 >= ${lower + 1e-9} with 0.95`)).toEqual([false]);
    const upper = clopperPearsonUpper(10, 100, 0.01);
    expect(met(`abstained <= ${upper + 1e-9} with 99%`)).toEqual([true]);
    expect(met(`abstained <= ${upper - 1e-9} with 99%`)).toEqual([false]);
    const [judgement] = parseRequirements('acr >= 0.3 with 99%').map((one) =>
      judge(one, exampleHeader(), outcomes(10, 5)),
    );
    expect(judgement?.value).toBeLessThan(0.46);
    expect(judgement?.found).toContain('with 99 % confidence');
  });

  test('counts images left out as unreadable as not certified', () => {
    const header = exampleHeader();
    const leftOut: RunHeader = {
      ...header,
      selection: { ...header.selection, unreadable: Array.from({ length: 25 }, (_, k) => k) },
    };
    expect(met('certified@0 >= 68%; certified@0 > 68%; abstained <= 28%', outcomes(10, 5), leftOut)).toEqual([
      true,
      false,
      true,
    ]);
    const [requirement] = parseRequirements('certified@0 >= 68%');
    if (requirement === undefined) throw new Error('one requirement');
    expect(judge(requirement, leftOut, outcomes(10, 5)).found).toBe(
      '68.0 % (85 of 125, 25 of them unreadable)',
    );
  });

  test('with a confidence counts equal images once', () => {
    const images = outcomes(10, 5).flatMap((one) => {
      const copy = { ...one, sha256: `picture ${one.index}` };
      return [copy, copy, copy];
    });
    const requirement = 'certified@0 >= 77% with 95%';
    expect([met(requirement, images), met(requirement)]).toEqual([met(requirement), [true]]);
    expect(met('certified@0 >= 80% with 95%', images)).toEqual(met('certified@0 >= 80% with 95%'));
  });

  test('is not met by no images, nor by an estimate', () => {
    expect(met('certified@0 >= 0', [])).toEqual([false]);
    const estimate = exampleHeader({
      series: [{ ...splitzSeries(), guarantee: 'estimate, not a bound' }, smoothingSeries()],
    });
    expect(met('certified@0 >= 0', outcomes(), estimate)).toEqual([false]);
    expect(met('abstained <= 10%', outcomes(), estimate)).toEqual([true]);
  });

  test('on accuracy is refused without labels', () => {
    const header = exampleHeader();
    const unlabelled = { ...header, data: { ...header.data, labelled: false } };
    expect(() => met('accuracy >= 0.5', outcomes(), unlabelled)).toThrow('needs labels');
  });

  test('several in one text are all read', () => {
    expect(met('acr >= 0.4; accuracy >= 90%\nabstained <= 10%')).toEqual([true, false, true]);
  });
});

test.each([
  ['', 'not of the form'],
  ['certified@0.5', 'not of the form'],
  ['certified >= 0.6', 'needs a radius'],
  ['certified@-1 >= 0.6', 'needs a radius'],
  ['certified@x >= 0.6', 'needs a radius'],
  ['robust@0.5 >= 0.6', "'robust' is not one of"],
  ['accuracy@0.5 >= 0.6', 'does not take a radius'],
  ['certified@0.5 => 0.6', "'=>' is not one of"],
  ['certified@0.5 == 0.6', "'==' is not one of"],
  ['certified@0.5 >= 60', '60 is not a share'],
  ['certified@0.5 >= much', "'much' is not a number"],
  ['certified@0.5 >= 60% with 95', "'95' is not a confidence level"],
  ['certified@0.5 >= 60% with 50%', "'50%' is not a confidence level"],
  ['certified@0.5 >= 60% with', 'not of the form'],
  ['certified@0.5 >= 60% at 95%', 'not of the form'],
  ['acr >= 50%', 'acr is a radius'],
  ['acr <= 0.5 with 95%', 'no upper confidence bound'],
  ['acr >= 0.5;', 'not of the form'],
])('%j is refused: %s', (text, why) => {
  expect(refusal(text)).toContain(why);
});

test('every --require of a command line is heard, in any form and place', () => {
  expect(joinedRequirements(['certify', '--require', 'a', 'm.onnx', '--require=b', '--n', '5'])).toEqual([
    ...['certify', '--require=a\nb', 'm.onnx', '--n', '5'],
  ]);
  expect(joinedRequirements(['verify', 'r.jsonl', '--require'])).toEqual(['verify', 'r.jsonl', '--require']);
  expect(joinedRequirements(['x', '--', '--require', 'a'])).toEqual(['x', '--', '--require', 'a']);
});
