import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { withSession } from '../../src/onnx/runtime/session.ts';
import { trialRun } from '../../src/onnx/runtime/trial.ts';
import { intAttr, node, type Parts, tinyModel } from './tiny-model.ts';

const feed = { data: new Float32Array(4).fill(0.5), dims: [1, 4, 1, 1] };
const bytesOf = (parts: Parts): Uint8Array => encodeModel(tinyModel(parts).proto);

const relu = bytesOf({ nodes: [node('Relu', ['x'], 'y')], input: ['N', 4, 1, 1] });
const unknown = bytesOf({ nodes: [node('Roundabout', ['x'], 'y')], input: ['N', 4, 1, 1] });
/** ONNX Runtime divides by the square of the side, which overflows to 0. Processors of other kinds go on. */
const deadly = bytesOf({
  nodes: [node('DepthToSpace', ['x'], 'y', { attribute: [intAttr('blocksize', 2 ** 32)] })],
  input: ['N', 4, 1, 1],
});

const trial = (model: Uint8Array) => trialRun(model, 'm.onnx', 'x', feed);

describe('the first run of a model, in a process of its own', () => {
  it('tells names, types and shapes of its outputs', async () => {
    expect(await trial(relu)).toEqual([{ name: 'y', type: DataType.FLOAT, dims: [1, 4, 1, 1] }]);
  });

  it('refuses a model in the words of a run in this process', async () => {
    const here = withSession(unknown, 'm.onnx', () => Promise.resolve());
    const { report } = (await here.catch((error: unknown) => error)) as ModelRefused;
    const { cause, ...words } = report;
    await expect(trial(unknown)).rejects.toMatchObject({ exitCode: 3, report: words });
  });

  it.skipIf(process.arch !== 'x64')(
    'outlives a model that ONNX Runtime crashes on, refuses it, and goes on',
    async () => {
      await expect(trial(deadly)).rejects.toBeInstanceOf(ModelRefused);
      await expect(trial(deadly)).rejects.toMatchObject({
        report: { what: expect.stringMatching(/^ONNX Runtime crashed on the model \(SIG/), where: 'm.onnx' },
      });
      expect(await trial(relu)).toHaveLength(1);
    },
  );

  it('is each its own when several are asked for at once', async () => {
    const answers = await Promise.allSettled([relu, unknown, relu, unknown].map(trial));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  });
});
