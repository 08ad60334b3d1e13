import { describe, expect, test } from 'vitest';
import { plainStyle } from '../../../src/cli/terminal/style.ts';
import { renderSummary } from '../../../src/cli/terminal/summary.ts';
import { summarise } from '../../../src/statistics/summary.ts';
import {
  exampleHeader,
  exampleRecord,
  outcomesOf,
  smoothingSeries,
  splitzSeries,
} from '../../records/run.ts';

const header = exampleHeader();
// Of every tenth image the network alone answers another class.
const outcomes = outcomesOf(Array.from({ length: 100 }, (_, k) => exampleRecord(k))).map((outcome, k) =>
  k % 10 === 0 ? { ...outcome, answer: 99 } : outcome,
);
const screen = { columns: 100, style: plainStyle };

describe('the closing screen', () => {
  test('shows both methods side by side, abstentions, ACR with its bounds, the curve and what was assumed', () => {
    expect(renderSummary(header, summarise(header, outcomes), screen)).toMatchInlineSnapshot(`
      "certified accuracy at radius (l2)
      radius   /255  SPLITZ σ=0.5  95 % band  plain smoothing σ=0.5  95 % band   alone
           0    0.0        78.0 %  68.6–85.7                 78.0 %  68.6–85.7  90.0 %
        0.25   63.7        65.0 %  54.8–74.3                 60.0 %  49.7–69.7
         0.5  127.5        46.0 %  35.9–56.3                 34.0 %  24.8–44.2
        0.75  191.2        25.0 %  16.8–34.7                 12.0 %   6.3–20.1
           1  255.0         6.0 %   2.2–12.7                  0.0 %    0.0–3.7

                                      SPLITZ σ=0.5  plain smoothing σ=0.5
      ACR (average certified radius)        0.4507                 0.3605
        at least, 95 %                      0.3800                 0.3040
        ± 95 %, normal approximation        0.0686                 0.0549
      abstained                          14 of 100              14 of 100

       100 %┤
            ┤
            ┤⠒⠒⠒⠒⠒⠒⠖⢤⠤⣀⣀
            ┤         ⠁⠐⠉⠍⢒⠤⢄⣀⣀
            ┤               ⠁⠐ ⠍⢉⠒⠢⠤⢄⣀
        50 %┤                     ⠂⠐ ⠄⠩⠒⡒⠒⠤⠤⠤⠤⣀⡀
            ┤                            ⠈ ⠂⢀  ⠈⠉⠒⠒⠢⢄⡀
            ┤                                 ⠁⠐ ⠄⢀  ⠈⠉⠉⠒⠢⠤⠤⣀⣀
            ┤                                       ⠁⠈ ⠂⠠ ⠄   ⠉⠉⠒⠒⠒⠢⠤⢄⣀
            ┤                                              ⠈ ⠁⠐ ⠄      ⠉⠉⠉⠒⠒⠢⠤⡀
         0 %┤                                                    ⠈ ⠁⠠ ⡀⢀ ⡀⢀ ⡀⢀⠈⡉⢉⠒⡢⢤⣀
            └┴────────────────┴────────────────┴───────────────┴────────────────┴────
             0              0.25              0.5            0.75               1
             ⠒⠒ SPLITZ σ=0.5   ⠂⠐ plain smoothing σ=0.5   certified accuracy over radius (l2)

      100 images; each certificate may fail with probability 0.001001. Allowing for failed ones (95 %):
      take 1.1 points off.
      the network alone, without noise, is right on 90.0 % of the images (90 of 100); this is not
      certified.
      median local Lipschitz bound 1.250. The fair comparison is plain smoothing at the matched noise σ/L
      = 0.4 (L the median local bound): at it, a linear left half could never beat plain smoothing.

      In plain words
      Left undisturbed, the network is right on 90 of 100 images (90.0 %). For 78 of 100 images (78.0 %)
      the certified answer is right and proved to stay the same under every change of the pixels up to
      some size; for half of these up to 0.572 at least (l2, pixels from 0 to 1), as much as changing
      every pixel by 5.2 of 255 brightness levels. Not covered: larger changes, changes of another kind
      (turning, cropping, other light), images that are not of this set, and what the network answers when
      it is run in any other way than it was certified.
      "
    `);
  });

  test('a run without labels never says accuracy', () => {
    const unlabelled = outcomes.map((outcome) => ({ ...outcome, label: null }));
    const text = renderSummary(header, summarise(header, unlabelled), screen);
    expect(text).not.toMatch(/accuracy|ACR/u);
    expect(text).toContain('certified fraction');
    expect(text).toContain('whether right or wrong');
  });

  test('an estimate says so before any number', () => {
    const estimated = { ...splitzSeries(), guarantee: 'estimate, not a bound' as const };
    const alone = exampleHeader({ series: [estimated] });
    expect(renderSummary(alone, summarise(alone, outcomes), screen)).toMatch(
      /^ESTIMATE, NOT A BOUND: these radii prove nothing\.\n/u,
    );
    const beside = exampleHeader({ series: [estimated, smoothingSeries()] });
    expect(renderSummary(beside, summarise(beside, outcomes), screen)).toMatch(
      /^ESTIMATE, NOT A BOUND: the radii of SPLITZ σ=0\.5 prove nothing\.\n/u,
    );
  });

  test('no image, one image and only abstentions are rendered too', () => {
    const abstaining = outcomes.filter(({ verdicts }) => verdicts[0]?.prediction === null);
    const rendered = (some: typeof outcomes) => renderSummary(header, summarise(header, some), screen);
    expect(rendered([])).toBe('no image was certified\n');
    expect(rendered(outcomes.slice(0, 1))).toContain('100.0 %');
    expect(rendered(abstaining)).toContain('14 of 14');
  });
});
