import { describe, expect, test } from 'vitest';
import { plainStyle } from '../../../src/cli/terminal/style.ts';
import { renderSummary } from '../../../src/cli/terminal/summary.ts';
import { summarise } from '../../../src/statistics/summary.ts';
import { exampleHeader, exampleRecord } from '../../records/run.ts';

const header = exampleHeader();
const outcomes = Array.from({ length: 100 }, (_, k) => exampleRecord(k));
const screen = { columns: 100, style: plainStyle };

describe('the closing screen', () => {
  test('shows both methods side by side, abstentions, ACR with its bounds, the curve and what was assumed', () => {
    expect(renderSummary(summarise(header, outcomes), screen)).toMatchInlineSnapshot(`
      "certified accuracy at radius (l2)
      radius   /255  SPLITZ σ=0.5  95 % band  plain smoothing σ=0.5  95 % band
           0    0.0        78.0 %  68.6–85.7                 78.0 %  68.6–85.7
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
      left half: median local Lipschitz bound 1.250; the matched plain noise, σ/L, is 0.400. A linear left
      half could not beat plain smoothing at it.
      "
    `);
  });

  test('a run without labels never says accuracy', () => {
    const unlabelled = outcomes.map((o) => ({
      ...o,
      label: null,
      correct: null,
      baseline: o.baseline && { ...o.baseline, correct: null },
    }));
    const text = renderSummary(summarise(header, unlabelled), screen);
    expect(text).not.toMatch(/accuracy|ACR/u);
    expect(text).toContain('certified fraction');
    expect(text).toContain('whether right or wrong');
  });

  test('an estimate says so before any number', () => {
    const text = renderSummary(
      summarise({ ...header, guarantee: 'estimate, not a bound' }, outcomes),
      screen,
    );
    expect(text).toMatch(/^ESTIMATE, NOT A BOUND/u);
  });

  test('no image, one image and only abstentions are rendered too', () => {
    const abstaining = outcomes.filter(({ abstained }) => abstained);
    expect(renderSummary(summarise(header, []), screen)).toBe('no image was certified\n');
    expect(renderSummary(summarise(header, outcomes.slice(0, 1)), screen)).toContain('100.0 %');
    expect(renderSummary(summarise(header, abstaining), screen)).toContain('14 of 14');
  });
});
