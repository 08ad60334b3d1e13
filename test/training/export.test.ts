/** What is written after training computes in ONNX Runtime what the training engine computes. */
import { expect, it } from 'vitest';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import { buildArchitecture } from '../../src/training/architectures/index.ts';
import { ARCHITECTURES } from '../../src/training/architectures/names.ts';
import { createLoss, parseLoss } from '../../src/training/losses/index.ts';
import { trainableNetwork } from '../../src/training/network.ts';
import { ADAM, createOptimizer } from '../../src/training/optimizers.ts';
import { writeBack } from '../../src/training/parameters.ts';
import type { HostTensor, Program, StepFunction } from '../../src/training/program.ts';
import { Feed, splitzProgram } from '../../src/training/step.ts';
import { difference, normals, ortEngine } from './programs.ts';

const BATCH = 2;

// resnet110 is resnet20 with more of the same blocks, and takes half a minute.
it.each(ARCHITECTURES.filter((name) => name !== 'resnet110'))(
  '%s: after a training step, the file gives the logits of the engine within 1e-5',
  async (name) => {
    const proto = buildArchitecture(name);
    const model = modelFromBytes(encodeModel(proto), name);
    const input = model.graph.inputs[0]!;
    const image = input.declaredShape!.slice(1) as number[];
    const network = trainableNetwork(model, input);
    const size = image.reduce((product, d) => product * d, 1);
    const program = splitzProgram({
      network,
      segments: [],
      segmentDims: [],
      batch: BATCH,
      classes: 10,
      imageDims: image,
      latentDims: image,
      latentRange: [0, 1],
      loss: createLoss(parseLoss('gaussian')),
      optimizer: createOptimizer(ADAM, () => false),
      regularizer: 'none',
      powerSteps: 1,
      boundImages: BATCH,
      noise: 'fixed',
      learnedThreshold: null,
    });
    const logits: StepFunction = {
      feeds: new Map([[Feed.images, [BATCH, ...image]]]),
      compute: (tf, state, fed) => {
        const context = { tf, statistics: 'running' as const, updateStatistic: () => undefined };
        const x = network.left(context, state, fed[Feed.images]!);
        return { state: {}, results: { logits: network.right(context, state, x) } };
      },
    };
    const whole: Program = { ...program, functions: { ...program.functions, logits } };
    const engine = ortEngine(whole, 2);
    const rows = Array.from({ length: BATCH }, (_, k) =>
      normals(k + 1, size).map((v) => 1 / (1 + Math.exp(-v))),
    );
    const images = Float32Array.from(rows.flatMap((row) => [...row]));
    const feeds = new Map<string, Float32Array>();
    for (const [feed, dims] of program.functions['train']!.feeds) {
      const count = dims.reduce((product, d) => product * d, 1);
      feeds.set(feed, new Float32Array(count).fill(feed === 'optimizer.rate' ? 1e-3 : 1));
    }
    feeds.set(Feed.images, images);
    feeds.set(Feed.noise, normals(9, BATCH * size));
    feeds.set(
      Feed.labels,
      Float32Array.from({ length: BATCH * 10 }, (_, k) => (k % 11 === 0 ? 1 : 0)),
    );
    await engine.run('train', feeds);
    const expected = (await engine.run('logits', new Map([[Feed.images, images]]))).get('logits')!;
    const state = await engine.read();
    await engine.close();
    const trained = new Map<string, HostTensor>();
    for (const [tensor, { dims, values }] of [...network.parameters, ...network.statistics]) {
      const now = state.get(tensor)!;
      trained.set(tensor, { dims, values: now });
      if (network.parameters.has(tensor)) expect(now).not.toEqual(values);
    }
    const written = encodeModel(writeBack(proto, trained));
    const actual = await withSession(written, name, async (s) => (await runRows(s, rows, image)).data);
    expect(difference(expected, actual)).toBeLessThan(1e-5);
  },
);
