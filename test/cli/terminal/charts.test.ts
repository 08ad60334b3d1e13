import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderBars } from '../../../src/cli/terminal/bars.ts';
import { renderCurves } from '../../../src/cli/terminal/curve.ts';
import { plainStyle } from '../../../src/cli/terminal/style.ts';
import { displayWidth } from '../../../src/ground/text-width.ts';

const screen = (columns: number) => ({ columns, style: plainStyle });
const widest = (text: string) => Math.max(...text.split('\n').map(displayWidth));

describe('bars', () => {
  test('are in proportion, the largest filling the width, a small one still visible', () => {
    const bars = renderBars(
      [
        { label: 'conv1', value: 4, text: '4.000' },
        { label: 'conv2', value: 2, text: '2.000' },
        { label: 'fc', value: 0.001, text: '0.001' },
        { label: 'dead', value: 0, text: '0.000' },
      ],
      screen(35),
    );
    expect(bars).toBe(
      [
        'conv1  4.000  ████████████████████',
        'conv2  2.000  ██████████',
        'fc     0.001  ▏',
        'dead   0.000',
        '',
      ].join('\n'),
    );
  });

  test('fit the terminal and show hostile names harmlessly', () => {
    const bars = renderBars(
      [{ label: `layer.${'x'.repeat(90)}\u001b[2J`, value: 1, text: '1.000' }],
      screen(60),
    );
    expect(widest(bars)).toBeLessThanOrEqual(60);
    expect(bars).not.toContain('\u001b');
    expect(renderBars([], screen(60))).toBe('');
  });
});

describe('curves', () => {
  const axis = { largest: 1.5, ticks: [0, 0.5, 1, 1.5], title: 'certified accuracy' };
  const step = { name: 'SPLITZ', at: (r: number) => (r <= 0.75 ? 0.9 : 0.25) };
  const ramp = { name: 'plain', at: (r: number) => 1 - r / 1.5 };

  test('draw a step where it is, with axes and legend', () => {
    expect(renderCurves([step], axis, screen(40), 6)).toMatchInlineSnapshot(`
      " 100 %┤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⡀
            ┤                ⡇
            ┤                ⡇
        50 %┤                ⡇
            ┤                ⠓⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒
         0 %┤
            └┴─────────┴──────────┴─────────┴
             0        0.5         1       1.5
             ⠒⠒ SPLITZ   certified accuracy
      "
    `);
  });

  test('tell two curves apart without colour: solid and dotted', () => {
    expect(renderCurves([step, ramp], axis, screen(60), 6)).toMatchInlineSnapshot(`
      " 100 %┤⠥⠴⠤⠦⠤⠤⡤⢤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⡀
            ┤         ⠁⠐ ⠂⠠ ⡀⢀         ⡇
            ┤                  ⠁⠐ ⠂⠠ ⡀⢀⡇
        50 %┤                          ⡇⠁⠐ ⠂⠠ ⡀⢀
            ┤                          ⠓⠒⠒⠒⠒⠒⠒⠒⠒⠒⠓⠒⠒⠒⠲⠒⡒⢒⠒⠒⠒⠒⠒⠒⠒⠒
         0 %┤                                             ⠁⠐ ⠂⠠ ⡀
            └┴────────────────┴────────────────┴────────────────┴
             0               0.5               1              1.5
             ⠒⠒ SPLITZ   ⠂⠐ plain   certified accuracy
      "
    `);
  });

  test('keep within the width at every size, and leave out what cannot fit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }),
        (columns, shares) => {
          const at = (r: number) =>
            shares[Math.min(shares.length - 1, Math.floor((r / 1.5) * shares.length))] ?? 0;
          const plot = renderCurves([{ name: 'a', at }], axis, screen(columns));
          if (plot !== '') expect(widest(plot)).toBeLessThanOrEqual(columns);
          expect(plot === '').toBe(columns < 24);
        },
      ),
      { seed: 4 },
    );
    expect(renderCurves([step], { ...axis, largest: 0 }, screen(80))).toBe('');
  });
});
