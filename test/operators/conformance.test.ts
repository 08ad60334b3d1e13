/** The ONNX project's own node tests, for every operator the left half supports: input, constants, expected output. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { decodeModel, encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType, dataTypeName } from '../../src/onnx/model/data-type.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import { edited, type GraphProto, type TensorProto } from '../../src/onnx/model/proto.ts';
import { onnxSchema } from '../../src/onnx/model/schema.ts';
import { tensorOf } from '../../src/onnx/model/tensor.ts';
import { supportedTypes } from '../../src/operators/supported-types.ts';
import { sharedFolder } from '../onnx/shared.ts';
import { leftHalfOf } from './compiled.ts';

const folder = `${sharedFolder}/conformance`;
const archive = existsSync(folder)
  ? readdirSync(folder).find((f) => /^onnx_node_.*\.tar\.gz$/.test(f))
  : undefined;
const tensorType = protobuf.parse(onnxSchema).root.lookupType('onnx.TensorProto');

/** Plain files of a ustar archive: 512-byte headers with name, octal size and prefix, then the bytes, padded. */
function untar(bytes: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const text = (from: number, size: number): string =>
    bytes.toString('latin1', from, from + size).replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8) || 0;
    const prefix = text(at + 345, 155);
    const name = prefix === '' ? text(at, 100) : `${prefix}/${text(at, 100)}`;
    const kind = String.fromCharCode(bytes[at + 156] as number);
    if (kind === '0' || kind === '\0') files.set(name, bytes.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

type Outcome = { readonly passed: true } | { readonly passed: false; readonly reason: string };
const skipped = (reason: string): Outcome => ({ passed: false, reason });

/** Throws (fails the test) when our value differs from the expected one. */
function outcomeOf(name: string, files: ReadonlyMap<string, Buffer>, path: string): Outcome {
  const proto = decodeModel(files.get(`${path}/model.onnx`) as Buffer);
  const graph = proto.graph as GraphProto;
  const read = (file: string): TensorProto | null => {
    const bytes = files.get(`${path}/test_data_set_0/${file}`);
    return bytes === undefined ? null : (tensorType.decode(bytes) as unknown as TensorProto);
  };
  const inputs = (graph.input ?? []).map((_, k) => read(`input_${k}.pb`));
  // A sequence's bytes can be read as a tensor, with nonsense as its shape: the declaration tells.
  if (!graph.input?.[0]?.type?.tensorType || !graph.output?.[0]?.type?.tensorType)
    return skipped('its input or output is not a tensor, or there is none');
  const [first] = inputs;
  const expected = read('output_0.pb');
  const floating: readonly number[] = [DataType.FLOAT, DataType.DOUBLE];
  for (const tensor of [first, expected]) {
    if (!tensor?.dataType) return skipped('its input or output is not a tensor, or there is none');
    if (!floating.includes(tensor.dataType))
      return skipped(`its input or output is ${dataTypeName(tensor.dataType)}`);
  }
  const constants = inputs
    .slice(1)
    .flatMap((tensor, k) =>
      tensor === null ? [] : [edited(tensor, { name: graph.input?.[k + 1]?.name ?? '' })],
    );
  const model = edited(proto, {
    graph: edited(graph, { input: graph.input?.slice(0, 1) ?? [], initializer: constants }),
  });
  const x = tensorOf(first as TensorProto, 'input');
  let ours: ReturnType<typeof evaluateLeftHalf>;
  let dims: readonly number[];
  try {
    const half = leftHalfOf(modelFromBytes(encodeModel(model)), x.dims, graph.output?.[0]?.name ?? '');
    ours = evaluateLeftHalf(half, x.float64());
    dims = half.dims;
  } catch (error) {
    if (error instanceof ModelRefused) return skipped(`refused: ${error.report.what.replace(/^.*?: /, '')}`);
    throw error;
  }
  const y = tensorOf(expected as TensorProto, 'output');
  expect(dims, name).toEqual(y.dims);
  const values = y.float64();
  for (let i = 0; i < values.length; i++) {
    const [a, b] = [ours.latent.value[i] as number, values[i] as number];
    if (Object.is(a, b)) continue;
    // ONNX's own tolerance: some expected values are written with four digits.
    expect(Math.abs(a - b), `${name}, element ${i}: ${a} for ${b}`).toBeLessThanOrEqual(
      1e-6 + 1e-3 * Math.abs(b),
    );
  }
  return { passed: true };
}

describe(`the node tests of ONNX${archive === undefined ? ' (skipped: the conformance archive is not on this machine)' : ''}`, () => {
  it.skipIf(archive === undefined)(
    'are passed for every supported operator, or refused by name',
    async () => {
      const files = untar(gunzipSync(readFileSync(`${folder}/${archive}`)));
      const supported = new Set(supportedTypes());
      const reasons = new Map<string, string[]>();
      const passedTypes = new Map<string, number>();
      let passed = 0;
      for (const [file, bytes] of files) {
        if (!file.endsWith('/model.onnx')) continue;
        const nodes = decodeModel(bytes).graph?.node ?? [];
        if (!nodes.every((n) => !n.domain && supported.has(n.opType ?? ''))) continue;
        const path = file.slice(0, -'/model.onnx'.length);
        const name = path.slice(path.lastIndexOf('/') + 1);
        const outcome = outcomeOf(name, files, path);
        if (outcome.passed) {
          passed++;
          for (const type of new Set(nodes.map((n) => n.opType ?? '')))
            passedTypes.set(type, (passedTypes.get(type) ?? 0) + 1);
        } else reasons.set(outcome.reason, [...(reasons.get(outcome.reason) ?? []), name]);
      }
      console.info(
        `${passed} ONNX node tests passed (${passedTypes.size} operators)\n${[...reasons]
          .map(
            ([reason, names]) =>
              `  ${names.length} not run, ${reason}: ${names[0]}${names.length > 1 ? ', ...' : ''}`,
          )
          .join('\n')}`,
      );
      expect(passed).toBeGreaterThan(150);
      expect(passedTypes.size).toBeGreaterThan(30);
      // The counts of the documentation's table (tools/coverage-table.mjs); vitest -u takes over new ones.
      const counts = Object.fromEntries([...passedTypes].sort(([a], [b]) => (a < b ? -1 : 1)));
      await expect(`${JSON.stringify(counts, null, 2)}\n`).toMatchFileSnapshot(
        '../fixtures/conformance-counts.json',
      );
    },
  );
});
