/** The context of a command: workers by its flags, Ctrl-C as the signal, notes on stderr. */
import { visible } from '../ground/visible.ts';
import type { Context } from '../methods/context.ts';
import { requireCount } from '../methods/sourced.ts';
import { openContext } from '../runs/context.ts';
import {
  automaticProvider,
  FULL_PRECISION,
  needsFullPrecision,
  type Provider,
} from '../smoothing/providers.ts';
import { interruptible } from './interrupt.ts';
import { restartedWith } from './restart.ts';

export interface ContextFlags {
  /** 'auto': CUDA where it works, else the CPU. */
  readonly provider: Provider | 'auto';
  readonly workers: number;
  readonly batch: number;
  readonly quiet?: boolean;
}

/**
 * @param remedy what to do after Ctrl-C
 * @param use also given a function that redirects messages from then on
 * @throws UsageError for invalid counts
 */
export async function contextOf<T>(
  { provider: asked, workers, batch, quiet = false }: ContextFlags,
  remedy: string,
  use: (context: Context, listen: (heard: Context['tell']) => void) => Promise<T>,
): Promise<T> {
  requireCount('--workers', workers, 1);
  requireCount('--batch', batch, 1);
  let heard: Context['tell'] = (message) => {
    if (!quiet && message.kind === 'note') process.stderr.write(`${visible(message.text)}\n`);
  };
  const provider = await providerOf(asked, (text) => heard({ kind: 'note', text }));
  // Before anything is read or written.
  if (needsFullPrecision(provider)) return restartedWith(FULL_PRECISION);
  return interruptible(remedy, async (signal) => {
    const context = openContext({ provider, workers, batch, signal, tell: (message) => heard(message) });
    try {
      return await use(context, (next) => {
        heard = next;
      });
    } finally {
      await context.resources.close();
    }
  });
}

async function providerOf(asked: Provider | 'auto', note: (text: string) => void): Promise<Provider> {
  if (asked !== 'auto') return asked;
  const { provider, why } = await automaticProvider();
  // In the process that is started again it is said once more, and then alone.
  if (!needsFullPrecision(provider)) note(`provider ${provider} (auto: ${why})`);
  return provider;
}
