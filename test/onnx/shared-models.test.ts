import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SplitzError } from '../../src/ground/errors.ts';
import { firstActivationCut } from '../../src/lipschitz/first-activation.ts';
import { type Cut, type CutList, listCuts } from '../../src/onnx/cuts.ts';
import { type BatchedModel, makeBatchSymbolic } from '../../src/onnx/intake/batch.ts';
import { openClassifier } from '../../src/onnx/intake/classifier.ts';
import { prependPreprocessing } from '../../src/onnx/intake/preprocessing.ts';
import { measureShapes } from '../../src/onnx/intake/shapes.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { loadModel } from '../../src/onnx/model/load.ts';
import { relativeDifference } from '../../src/onnx/runtime/check-rows.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import { proveSplit, splitModel } from '../../src/onnx/split.ts';
import {
  type CatalogueEntry,
  catalogue,
  firstImage,
  modelFiles,
  noShared,
  sharedFolder,
  titled,
} from './shared.ts';

/** "works", or the pattern of the refusal. */
const expected: Record<string, RegExp | 'works'> = {
  'burn_ir12_large_constants.onnx': 'works',
  'cntk24_mnist_opset1.onnx': /no CPU implementation of Add version 1/,
  'dronet_two_scalar_outputs.onnx': 'works',
  'marabou_dropout_node.onnx': 'works',
  'marabou_fc2_shape_lie.onnx': 'works',
  'marabou_gtsrb_nhwc.onnx': 'works',
  'marabou_intermediate_output_no_type.onnx': /2 outputs: 'Y'/,
  'onnx2c_treeensemble.onnx': /2 outputs: 'label'/,
  'ort_format_not_onnx.ort': /\.ort format/,
  'ort_superres_custom_domain_uint8_bytes.onnx': /is UINT8, not FLOAT/,
  'ortex_two_inputs_two_outputs.onnx': /3 outputs/,
  'paddleocr_cls_hardswish.onnx': 'works',
  'sclbl_resnet20_if_control_flow.onnx': /not class scores/,
  'skl2onnx_rf_iris_zipmap.onnx': /2 outputs/,
  'snn_custom_LIF_op.onnx': /operator LIF does not exist/,
  'tf2onnx_gather_dynamic.onnx': 'works',
  'tract_lgbm_tensor.onnx': /2 outputs/,
  'tract_matmulnbits_2bit.onnx': /not class scores/,
  'tract_qlstm_scan_quantize.onnx': /mixes the rows/,
  'tract_xgb_treeensemble.onnx': /2 outputs/,
  'winml_mnist_no_opset_import.onnx': /no operator set/,
  'winml_zipmap_sequence_output.onnx': /2 outputs/,
  'legal_float_data_field.onnx': 'works',
  'legal_nondeterministic_randomnormal.onnx': /draws random numbers/,
  'resnet20_fp16.onnx': 'works',
  'resnet20_fp16_keepio.onnx': 'works',
  'resnet20_qdq_int8.onnx': 'works',
  'resnet20_qoperator_int8.onnx': 'works',
  'short.bin': /not an ONNX model/,
  'synthetic_dangling_input.onnx': /reads 'does_not_exist'/,
  'synthetic_duplicate_output_cycle.onnx': /cycle/,
  'synthetic_empty.onnx': /is empty/,
  'synthetic_ext_absolute_path.onnx': /absolute path/,
  'synthetic_ext_missing.onnx': /cannot be opened/,
  'synthetic_ext_path_traversal.onnx': /unsafe path/,
  'synthetic_ext_too_short.onnx': /beyond the end/,
  'synthetic_garbage.onnx': /not an ONNX model/,
  'synthetic_ir99.onnx': /IR version 99/,
  'synthetic_nan_inf_weights.onnx': /1 NaN and 1 infinite/,
  'synthetic_not_topological.onnx': 'works',
  'synthetic_opset999.onnx': /operator set 999/,
  'synthetic_raw_data_wrong_length.onnx': /wrong length/,
  'synthetic_truncated.onnx': /truncated/,
};

async function opened(path: string): Promise<{ batched: BatchedModel; list: CutList }> {
  const { model } = await openClassifier(await loadModel(path));
  const batched = await makeBatchSymbolic(model);
  return { batched, list: listCuts(batched.model, await measureShapes(batched)) };
}

/** A catalogued model with the preprocessing it was trained with: it takes pixels in [0,1], [N,C,H,W]. */
async function canonical(entry: CatalogueEntry, shape: [number, number, number]): Promise<BatchedModel> {
  const { model } = await openClassifier(await loadModel(`${sharedFolder}/${entry.file}`));
  const preprocessing = {
    layout: entry.layout ?? 'nchw',
    scale: entry.scale === '0..255' ? 255 : 1,
    imageShape: shape,
    ...(entry.mean ? { mean: entry.mean } : {}),
    ...(entry.std ? { std: entry.std } : {}),
  };
  return makeBatchSymbolic(prependPreprocessing(model, preprocessing));
}

const run = (bytes: Uint8Array, row: Float32Array, dims: readonly number[]) =>
  withSession(bytes, 'model', async (session) => (await runRows(session, [row], dims)).data);

const withAnswers = catalogue().filter(
  (e) => e.firstTestOutput && (e.dataset === 'mnist' || e.dataset === 'cifar-10'),
);

describe.skipIf(noShared !== null)(titled('every awkward and malformed file'), () => {
  const files = [...modelFiles('awkward'), ...modelFiles('malformed')];

  it('is listed here', () => {
    expect(files.map((f) => basename(f)).sort()).toEqual(Object.keys(expected).sort());
  });

  it.each(files.map((f) => [basename(f), f]))('%s works or is refused in words', async (name, path) => {
    const outcome = expected[name];
    const attempt = async (): Promise<void> => {
      const { batched, list } = await opened(path);
      const cut = list.cuts.at(-1) as Cut;
      await proveSplit(batched.model, cut, splitModel(batched.model, cut));
    };
    const error: unknown = await attempt().then(
      () => null,
      (e: unknown) => e,
    );
    if (outcome === 'works') return expect(error).toBeNull();
    if (!(error instanceof SplitzError)) throw new Error(`not refused in words: ${String(error)}`);
    expect(error.report.remedy).toBeTruthy();
    return expect(error.message).toMatch(outcome as RegExp);
  });
});

describe.skipIf(noShared !== null)(titled('every catalogued classifier'), () => {
  it.each(withAnswers.map((e) => [basename(e.file), e] as const))(
    '%s gives the logits of the catalogue on the first test image',
    async (_, entry) => {
      const { pixels, shape } = firstImage(entry.dataset as 'mnist' | 'cifar-10');
      const { model, batchable } = await canonical(entry, shape);
      expect(batchable).toBe(true);
      const logits = await run(encodeModel(model.proto), pixels, shape);
      // The catalogue's preprocessing rounds in another order of operations.
      expect(relativeDifference(entry.firstTestOutput ?? [], logits)).toBeLessThan(
        // In float16 that order moves pixels by a rounding step.
        entry.file.endsWith('_fp16.onnx') ? 1e-3 : 1e-5,
      );
    },
  );
});

describe.skipIf(noShared !== null)(titled('splits of real classifiers'), () => {
  const files = modelFiles('real').filter((f) => !f.includes('squeezenet'));

  it.each(files.map((f) => [basename(f), f]))('%s is the composition of its halves', async (_, path) => {
    const { batched, list } = await opened(path);
    expect(list.cuts.length).toBeGreaterThan(3);
    expect(list.ineligible).toEqual([]);
    for (const cut of list.cuts) {
      const proof = await proveSplit(batched.model, cut, splitModel(batched.model, cut));
      expect(proof.largestDifference).toBeLessThan(1e-6);
    }
  });
});

describe.skipIf(noShared !== null)(titled('the eleven exports of one network'), () => {
  it('give the same latents and parameters at the cut after the first activation', async () => {
    const entries = withAnswers.filter((e) => e.file.includes('one-network-many-exports'));
    expect(entries).toHaveLength(11);
    let reference: Float32Array | null = null;
    for (const entry of entries) {
      const { pixels, shape } = firstImage('cifar-10');
      const batched = await canonical(entry, shape);
      const { cuts } = listCuts(batched.model, await measureShapes(batched));
      const cut = firstActivationCut(cuts, batched.model.graph) as Cut;
      expect(cut.dims, entry.file).toEqual([1, 16, 16, 16]);
      expect(cut.parametersRight, entry.file).toBe(214134);
      const split = splitModel(batched.model, cut);
      await proveSplit(batched.model, cut, split, [pixels]);
      const latent = await run(split.left ?? new Uint8Array(), pixels, shape);
      reference ??= latent;
      expect(relativeDifference(reference, latent), entry.file).toBeLessThan(1e-6);
    }
  });
});
