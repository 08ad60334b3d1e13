import { describe, expect, it } from 'vitest';
import { epochLine, startTrainingProgress } from '../../../src/cli/terminal/training-progress.ts';
import type { EpochReport, StepReport } from '../../../src/training/train.ts';

const step = (number: number): StepReport => ({
  epoch: 2,
  step: number,
  steps: 200,
  batch: 256,
  loss: 0.51234,
  accuracy: 0.8412,
  lipschitz: 0.91,
  imagesPerSecond: 2560,
});

const epoch: EpochReport = {
  epoch: 2,
  loss: 0.5,
  accuracy: 0.84,
  lipschitz: 0.91,
  sigma: 0.68,
  verified: null,
  validation: { accuracy: 0.86, crossEntropy: 0.4, lipschitz: 0.9, sigma: 0.675, verified: null },
  seconds: 20.2,
  imagesPerSecond: 2560,
};

function screen(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  return { written, stream: { isTTY, columns, write: (text: string) => written.push(text) > 0 } };
}

describe('training progress', () => {
  it('keeps one line per epoch, with L and the noise level only where there is a left half', () => {
    expect(epochLine(epoch, 15, 'noise and L')).toBe(
      'epoch  2/15  loss 0.500  noisy accuracy 84.0 %  held out 86.0 %  L 0.900  sigma 0.675  2560 img/s  0:21',
    );
    expect(epochLine(epoch, 15, 'noise')).not.toMatch(/L |sigma/);
  });

  it('speaks of no noise where there is none, but of the share that is verified', () => {
    const margin: EpochReport = {
      ...epoch,
      sigma: null,
      verified: 0.5,
      validation: { ...epoch.validation, sigma: null, verified: 0.612 },
    };
    expect(epochLine(margin, 15, 'margin')).toBe(
      'epoch  2/15  loss 0.500  accuracy 84.0 %  held out 86.0 %  verified 61.2 %  L 0.900  2560 img/s  0:21',
    );
  });

  it('says of a denoiser what it leaves of the noise, and what the network makes of it where there is one', () => {
    const blind: EpochReport = {
      ...epoch,
      ...{ accuracy: null, lipschitz: null, sigma: null, noiseLeft: 0.21 },
      validation: {
        ...epoch.validation,
        ...{ accuracy: null, lipschitz: null, sigma: null, noiseLeft: 0.224, mse: 0.01 },
      },
    };
    expect(epochLine(blind, 15, 'denoiser')).toBe(
      'epoch  2/15  loss 0.500  noise left 21.0 %  held out: noise left 22.4 %  2560 img/s  0:21',
    );
    const tuned: EpochReport = { ...blind, validation: { ...blind.validation, accuracy: 0.5 } };
    expect(epochLine(tuned, 15, 'denoiser')).toContain(
      'held out: noise left 22.4 %, denoised accuracy 50.0 %',
    );
  });

  it('redraws on a terminal, at most ten times a second, never wider than it is', () => {
    const { written, stream } = screen(true, 40);
    let now = 0;
    const progress = startTrainingProgress(stream, 15, 'noise and L', false, () => now);
    for (let k = 1; k <= 50; k++) {
      now += 20;
      progress.step(step(k));
    }
    expect(written.length).toBe(10);
    for (const text of written) expect(text.replace('\r\u001b[K', '').length).toBeLessThan(40);
    expect(written[0]).toContain('epoch 2/15');
  });

  it('writes a line every half minute into a log, and nothing when quiet', () => {
    const { written, stream } = screen(false);
    let now = 0;
    const progress = startTrainingProgress(stream, 15, 'noise and L', false, () => now);
    for (let k = 1; k <= 100; k++) {
      now += 1000;
      progress.step(step(k));
    }
    expect(written).toHaveLength(3);
    expect(written[0]).toMatch(/^epoch 2\/15, step 30\/200, loss 0.512, noisy accuracy 84.1 %, .*\n$/);
    const silent = screen(false);
    const none = startTrainingProgress(silent.stream, 15, 'noise and L', true, () => now);
    none.epoch(epoch);
    none.note('hello');
    none.finish();
    expect(silent.written).toEqual([]);
  });
});
