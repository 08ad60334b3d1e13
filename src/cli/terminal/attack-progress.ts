/** Progress of an attack, on stderr: one redrawn line on a terminal, a line every 10 % or 30 s elsewhere. */

import type { AttackRecord } from '../../attack/attack-record.ts';
import { visible } from '../../ground/visible.ts';
import { clock } from './progress.ts';
import { screenOf } from './style.ts';

export interface AttackProgress {
  image(record: AttackRecord): void;
  /** A contradiction: shown even with --quiet. */
  alarm(text: string): void;
  finish(): void;
}

const LOG_MS = 30_000;
const CLEAR_LINE = '\r\u001b[K';

export function startAttackProgress(
  stream: Pick<NodeJS.WriteStream, 'write' | 'columns' | 'isTTY'>,
  total: number,
  quiet: boolean,
  now: () => number = Date.now,
): AttackProgress {
  const redraws = stream.isTTY === true && process.env['TERM'] !== 'dumb';
  const started = now();
  let [done, changed, contradictions, shownAt, shownTenths] = [0, 0, 0, started, 0];
  const line = (): string => {
    const left = (((now() - started) / 1000) * (total - done)) / Math.max(1, done);
    return `${done}/${total} images, ${clock(left)} left, ${changed} answers changed, ${contradictions} contradictions`;
  };
  return {
    image({ attacked, contradiction }) {
      done++;
      if (attacked !== null) changed++;
      if (contradiction) contradictions++;
      if (quiet) return;
      if (redraws) {
        stream.write(CLEAR_LINE + line().slice(0, (stream.columns || 80) - 1));
        return;
      }
      const tenths = Math.floor((10 * done) / total);
      if (tenths === shownTenths && now() - shownAt < LOG_MS) return;
      stream.write(`${line()}\n`);
      [shownAt, shownTenths] = [now(), tenths];
    },
    alarm(text) {
      const { style } = screenOf(stream, process.env);
      stream.write(`${redraws && !quiet ? CLEAR_LINE : ''}${style.red(visible(text))}\n`);
    },
    finish() {
      if (!quiet && redraws && done > 0) stream.write('\n');
    },
  };
}
