/** The context of a command: workers by its flags, Ctrl-C as the signal, notes on stderr. */
import { visible } from '../ground/visible.ts';
import type { Context } from '../methods/context.ts';
import { requireCount } from '../methods/sourced.ts';
import { openContext } from '../runs/context.ts';
import {
  checkArithmetic,
  FULL_PRECISION,
  needsFullPrecision,
  type Precision,
  type Provider,
} from '../smoothing/arithmetic.ts';
import { automaticProvider } from '../smoothing/providers.ts';
import { devicesOf } from './devices.ts';
import { interruptible } from './interrupt.ts';
import { restartedWith } from './restart.ts';

export interface ContextFlags {
  /** 'auto': CUDA where it works, else the CPU. */
  readonly provider: Provider | 'auto';
  readonly precision?: Precision | undefined;
  /** Numbers with commas between them. */
  readonly devices?: string | undefined;
  readonly workers: number;
  readonly batch: number;
  readonly quiet?: boolean;
}

/**
 * @param remedy what to do after Ctrl-C
 * @param use also given a function that redirects messages from then on
 * @throws UsageError for invalid counts, and for a precision or devices that the provider does not have
 */
export async function contextOf<T>(
  { provider: asked, precision = 'fp32', workers, batch, quiet = false, ...flags }: ContextFlags,
  remedy: string,
  use: (context: Context, listen: (heard: Context['tell']) => void) => Promise<T>,
): Promise<T> {
  requireCount('--workers', workers, 1);
  requireCount('--batch', batch, 1);
  let heard: Context['tell'] = (message) => {
    if (!quiet && message.kind === 'note') process.stderr.write(`${visible(message.text)}\n`);
  };
  const devices = devicesOf(flags.devices);
  const provider = await providerOf(asked, precision, (text) => heard({ kind: 'note', text }));
  const arithmetic = { provider, precision };
  // Before anything is read or written.
  checkArithmetic(arithmetic, devices);
  if (needsFullPrecision(arithmetic)) return restartedWith(FULL_PRECISION);
  return interruptible(remedy, async (signal) => {
    const context = openContext({
      ...{ ...arithmetic, workers, batch, signal, tell: (message) => heard(message) },
      ...(devices === undefined ? {} : { devices }),
    });
    try {
      return await use(context, (next) => {
        heard = next;
      });
    } finally {
      await context.resources.close();
    }
  });
}

async function providerOf(
  asked: Provider | 'auto',
  precision: Precision,
  note: (text: string) => void,
): Promise<Provider> {
  if (asked !== 'auto') return asked;
  const { provider, why } = await automaticProvider();
  // In the process that is started again it is said once more, and then alone.
  if (!needsFullPrecision({ provider, precision })) note(`provider ${provider} (auto: ${why})`);
  return provider;
}
