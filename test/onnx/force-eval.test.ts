/** `--force-eval` gives the network in evaluation mode, and marks it; nothing else changes. */
import { describe, expect, it } from 'vitest';
import { refuseNondeterminism } from '../../src/onnx/guards/determinism.ts';
import { forceEval } from '../../src/onnx/intake/force-eval.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import { findingsOf } from '../../src/onnx/preflight/registry.ts';
import { subjectOfModel } from '../../src/onnx/preflight/subject.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import { floatTensor, intAttr, node, type Parts, tinyModel, weights } from './tiny-model.ts';

const statistics = [
  floatTensor('gamma', [4], [1, 2, 3, 4]),
  floatTensor('beta', [4], [0, 1, 0, 1]),
  floatTensor('mean', [4], [0.5, 0.25, 0, -1]),
  floatTensor('variance', [4], [1, 4, 0.25, 2]),
];
const truth = { name: 'truth', dataType: DataType.BOOL, dims: [], rawData: Uint8Array.of(1) };

/** BatchNormalization, Dropout, Gemm, in training mode or not. */
function network(training: boolean, opset: number): Parts {
  const mode = opset >= 14 ? [intAttr('training_mode', training ? 1 : 0)] : [];
  return {
    opset,
    nodes: [
      node(
        'BatchNormalization',
        ['x', 'gamma', 'beta', 'mean', 'variance'],
        training ? (opset >= 14 ? ['n', 'm', 'v'] : ['n', 'm', 'v', 'sm', 'sv']) : ['n'],
        { name: 'bn', attribute: mode },
      ),
      node('Dropout', training && opset >= 12 ? ['n', '', 'truth'] : ['n'], 'd', { name: 'drop' }),
      node('MatMul', ['d', 'w'], 'y'),
    ],
    initializers: [...statistics, weights('w', [4, 3]), ...(training && opset >= 12 ? [truth] : [])],
  };
}

const scores = (model: Model) =>
  withSession(encodeModel(model.proto), 'model', async (session) => [
    ...(await runRows(session, [Float32Array.of(0.1, 0.9, 0.4, 0.7)], [4])).data,
  ]);

describe('--force-eval', () => {
  it.each([9, 13, 17])('gives what the export in evaluation mode gives (operator set %i)', async (opset) => {
    const forced = forceEval(tinyModel(network(true, opset)));
    expect(() => refuseNondeterminism(forced)).not.toThrow();
    expect(await scores(forced)).toEqual(await scores(tinyModel(network(false, opset))));
  });

  it('marks the model, and that is a finding', () => {
    const forced = forceEval(tinyModel(network(true, 17)));
    expect(forced.modifications).toEqual([
      "BatchNormalization node 'bn' switched to inference",
      "Dropout node 'drop' switched to inference",
    ]);
    const findings = findingsOf(subjectOfModel(forced, 'tiny.onnx'));
    expect(findings.map(({ id }) => id)).toContain('SPLITZ027');
    expect(findings.map(({ id }) => id)).not.toContain('SPLITZ002');
  });

  it('leaves a model in evaluation mode as it is, unmarked', () => {
    const model = tinyModel(network(false, 17));
    expect(forceEval(model)).toBe(model);
  });

  it('refuses when the statistics of the batch are read elsewhere', () => {
    const parts = network(true, 17);
    const read = {
      ...parts,
      nodes: [
        ...parts.nodes.slice(0, 2),
        node('MatMul', ['d', 'w'], 'z'),
        node('ReduceSum', ['m'], 's'),
        node('Add', ['z', 's'], 'y'),
      ],
    };
    expect(() => forceEval(tinyModel(read))).toThrow(/'bn' cannot be switched to inference/);
  });
});
