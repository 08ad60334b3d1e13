/** Observable Plot outside the browser: marks in, an <svg> element out. Loaded only when something is drawn. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { FONT } from './font.ts';

export { Plot };

/** Below this width a plot is for a phone: fewer ticks. */
const PHONE = 480;

export const isNarrow = (width: number): boolean => width < PHONE;

/** An <svg> element `width` pixels wide. The same options give the same bytes. */
export function plotSvg(width: number, ariaLabel: string, options: Plot.PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const node = Plot.plot({
    document,
    width,
    height: isNarrow(width) ? 250 : 330,
    marginTop: 28,
    marginBottom: 42,
    marginLeft: 46,
    marginRight: 12,
    style: { fontFamily: FONT, fontSize: '12px', color: 'var(--ink)', background: 'none' },
    ...options,
  } as Plot.PlotOptions);
  node.setAttribute('role', 'img');
  node.setAttribute('aria-label', ariaLabel);
  node.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  // The picture is one image with a label: the names of its parts would only be read out of context.
  for (const part of node.querySelectorAll('[aria-label],[aria-description]')) {
    part.removeAttribute('aria-label');
    part.removeAttribute('aria-description');
  }
  return node.outerHTML;
}

/** Axis numbers without float noise: 0.30000000000000004 is 0.3. */
export const tickText = (value: number): string => String(Number(value.toPrecision(6)));
