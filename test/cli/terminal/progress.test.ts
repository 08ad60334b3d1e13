import { describe, expect, test } from 'vitest';
import {
  clock,
  type ProgressState,
  progressLine,
  progressText,
  startProgress,
} from '../../../src/cli/terminal/progress.ts';
import { plainStyle } from '../../../src/cli/terminal/style.ts';
import { displayWidth } from '../../../src/ground/text-width.ts';
import type { Outcome } from '../../../src/records/record.ts';
import { exampleRecord, outcomesOf } from '../../records/run.ts';

const state: ProgressState = {
  done: 45,
  total: 100,
  partial: 0.5,
  imagesPerSecond: 3.21,
  measure: 'certified accuracy',
  certified: 40,
  sumOfRadii: 25,
  right: 42,
};

/** A stream that keeps what it is given, and a clock moved by hand. */
function terminal(isTTY: boolean) {
  const written: string[] = [];
  const stream = { isTTY, columns: 200, write: (text: string) => written.push(text) > 0 };
  return { written, stream: stream as unknown as NodeJS.WriteStream, time: { ms: 0 } };
}

const outcomes = (n: number): Outcome[] => outcomesOf(Array.from({ length: n }, (_, k) => exampleRecord(k)));

describe('the progress line', () => {
  test('shows bar, count, ETA, speed, certified accuracy, ACR and what the network alone finds, rounded down', () => {
    expect(progressLine(state, { columns: 110, style: plainStyle })).toBe(
      '━━━━━━━━━─────────── 45/100  ETA 0:17  3.2 img/s  certified accuracy 88.8 %  ACR 0.555  network alone 93.3 %',
    );
  });

  test('always fits the terminal, however narrow, by leaving parts out', () => {
    for (let columns = 25; columns < 120; columns++) {
      expect(displayWidth(progressLine(state, { columns, style: plainStyle }))).toBeLessThan(columns);
    }
  });

  test('before the first image promises nothing', () => {
    const start = { ...state, done: 0, partial: 0, imagesPerSecond: 0, certified: 0, sumOfRadii: 0 };
    expect(progressLine(start, { columns: 80, style: plainStyle })).toBe('──────────── 0/100');
    expect(progressText(start)).toBe('0/100 images (0 %)');
  });

  test('slow runs count seconds per image', () => {
    expect(progressText({ ...state, imagesPerSecond: 0.1 })).toBe(
      '45/100 images (45 %), 10.0 s/img, 9:05 left, certified accuracy 88.8 %, ACR 0.555, network alone 93.3 %',
    );
  });

  test('clock', () => {
    expect([0, 6.1, 750, 3723].map(clock)).toEqual(['0:00', '0:07', '12:30', '1:02:03']);
  });
});

describe('where it is written', () => {
  test('in a log: a line every ten per cent, with the counts of images', () => {
    const { written, stream, time } = terminal(false);
    const progress = startProgress(stream, 20, [], false, () => time.ms);
    for (const outcome of outcomes(20)) {
      time.ms += 1000;
      progress.partial(0.5);
      progress.image(outcome);
    }
    progress.finish();
    expect(written).toHaveLength(10);
    expect(written[0]).toBe(
      '2/20 images (10 %), 1.0 img/s, 0:18 left, certified accuracy 100.0 %, ACR 0.409, network alone 100.0 %\n',
    );
    expect(written.at(-1)).toMatch(/^20\/20 images \(100 %\)/u);
  });

  test('in a log: a line after 30 s even if little happened', () => {
    const { written, stream, time } = terminal(false);
    const progress = startProgress(stream, 1000, [], false, () => time.ms);
    for (time.ms = 0; time.ms <= 60_000; time.ms += 1000) progress.partial(time.ms / 100_000);
    expect(written).toHaveLength(2);
  });

  test('on a terminal: one line, redrawn at most ten times a second, ended by finish', () => {
    const { written, stream, time } = terminal(true);
    const progress = startProgress(stream, 20, [], false, () => time.ms);
    for (const outcome of outcomes(20)) {
      time.ms += 50;
      progress.image(outcome);
    }
    expect(written).toHaveLength(11);
    expect(written.every((text) => text.startsWith('\r\u001b[K') && !text.includes('\n'))).toBe(true);
    progress.finish();
    expect(written.at(-1)).toBe('\n');
  });

  test('a resumed run counts what is there and takes its speed from what is new', () => {
    const { written, stream, time } = terminal(false);
    const all = outcomes(20);
    const progress = startProgress(stream, 20, all.slice(0, 10), false, () => time.ms);
    time.ms = 2000;
    for (const outcome of all.slice(10, 12)) progress.image(outcome);
    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(/^12\/20 images \(60 %\), 1.0 img\/s, 0:08 left/u);
  });

  test('notes stand on lines of their own; quiet is silent', () => {
    const { written, stream } = terminal(false);
    startProgress(stream, 20, [], false).note('continuing after image 9');
    expect(written).toEqual(['continuing after image 9\n']);
    const quiet = terminal(true);
    const silent = startProgress(quiet.stream, 1, [], true);
    silent.note('x');
    for (const outcome of outcomes(1)) silent.image(outcome);
    silent.finish();
    expect(quiet.written).toEqual([]);
  });
});
