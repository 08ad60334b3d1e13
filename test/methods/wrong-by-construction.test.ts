/**
 * Networks that are read wrongly, on purpose: the left half that the bound is made for, or the right half that is sampled,
 * is not the one of the file. The cross-checks with ONNX Runtime refuse each; without them each would get a certificate,
 * and it would be wrong (another class, or a radius beyond the true distance), which is shown beside it.
 *
 * The network is (k x - mean)/std → W · + c → Relu → (0, w·u - b), all neurons alive: the distance from x to the other
 * class is |w·u - b| std / k exactly, for W orthogonal, |w| = 1 and one std.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ExitCode, ModelRefused } from '../../src/ground/errors.ts';
import { inspectModel } from '../../src/inspection/inspection.ts';
import { firstActivationCut } from '../../src/lipschitz/first-activation.ts';
import type { LeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import { leftHalfBoundAt } from '../../src/methods/splitz/left-half.ts';
import type { Cut } from '../../src/onnx/cuts.ts';
import { type PreparedClassifier, prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import type { Node } from '../../src/onnx/model/graph.ts';
import { edited, type ModelProto } from '../../src/onnx/model/proto.ts';
import type { SplitModel } from '../../src/onnx/split.ts';
import { rescaled } from '../../src/operators/gelus.ts';
import { type Elementwise, elementwise } from '../../src/operators/nonlinear/elementwise.ts';
import type { Operator, SingleAction } from '../../src/operators/operator.ts';
import {
  floatTensor,
  intAttr,
  intsAttr,
  intTensor,
  node,
  type Parts,
  tinyModel,
  tinyProto,
} from '../onnx/tiny-model.ts';
import { type FlatCertificate, openSmoothed } from './open.ts';

/** What is wrong, and whether it is looked for. */
const state = vi.hoisted(() => ({
  checked: true,
  /** Halves every Relu in the left half that is compiled while it is set. */
  corrupted: false,
  /** Sampled instead of the network's own right half. */
  right: null as Uint8Array | null,
}));

vi.mock('../../src/methods/splitz/left-half-check.ts', async (original) => {
  const real = await original<typeof import('../../src/methods/splitz/left-half-check.ts')>();
  const checkLeftHalf: typeof real.checkLeftHalf = (...of) =>
    state.checked ? real.checkLeftHalf(...of) : Promise.resolve({ largest: 0, norm: 0 });
  return { ...real, checkLeftHalf };
});

vi.mock('../../src/onnx/split.ts', async (original) => {
  const real = await original<typeof import('../../src/onnx/split.ts')>();
  const proveSplit: typeof real.proveSplit = (...of) =>
    state.checked ? real.proveSplit(...of) : Promise.resolve({ rows: 0, largestDifference: 0 });
  const splitModel: typeof real.splitModel = (model, cut): SplitModel => {
    const halves = real.splitModel(model, cut);
    return state.right === null ? halves : { ...halves, right: state.right };
  };
  return { ...real, proveSplit, splitModel };
});

vi.mock('../../src/operators/registry.ts', async (original) => {
  const real = await original<typeof import('../../src/operators/registry.ts')>();
  const halved = (operator: Operator): Operator => ({
    ...operator,
    compile(of, operands) {
      const action = operator.compile(of, operands) as Extract<SingleAction, { kind: 'nonlinear' }>;
      const { activation, size } = action.nonlinearity as Elementwise;
      return { ...action, nonlinearity: elementwise(rescaled(activation, 1, 0.5), size) };
    },
  });
  const operatorOf = (of: Node): Operator | null => {
    const operator = real.operatorOf(of);
    return state.corrupted && of.opType === 'Relu' && operator !== null ? halved(operator) : operator;
  };
  return { ...real, operatorOf };
});

afterEach(() => {
  Object.assign(state, { checked: true, corrupted: false, right: null });
});

interface Net {
  readonly k: number;
  /** -1: subtracted, as it should be. */
  readonly sign: 1 | -1;
  readonly b: number;
  /** The latent is laid out as [3,2], turned from [2,3]; or just called so, which is another order. */
  readonly turned: boolean;
}
const honest: Net = { k: 1, sign: -1, b: 4.7, turned: true };

const MEAN = [0.4, 0.3];
const STD = 0.5;
/** Normalised, it is (0.2, 0.6). */
const IMAGE = [0.5, 0.6];

/** W picks the six latents out of the two pixels: one of each is alone, the others are 0, so W is orthogonal. */
function partsOf({ k, sign, b, turned }: Net): Parts {
  const axes = turned
    ? [
        node('Reshape', ['h', 'two'], 'r'),
        node('Transpose', ['r'], 't', { attribute: [intsAttr('perm', [0, 2, 1])] }),
      ]
    : [node('Reshape', ['h', 'three'], 't')];
  return {
    nodes: [
      node('Mul', ['x', 'k'], 'scaled'),
      node(sign < 0 ? 'Sub' : 'Add', ['scaled', 'mean'], 'centred'),
      node('Div', ['centred', 'std'], 'n'),
      node('Gemm', ['n', 'W', 'c'], 'h', { attribute: [intAttr('transB', 1)] }),
      ...axes,
      node('Relu', ['t'], 'u'),
      node('Flatten', ['u'], 'f'),
      node('Gemm', ['f', 'V', 'd'], 'y'),
    ],
    initializers: [
      floatTensor('k', [], [k]),
      floatTensor('mean', [2], MEAN),
      floatTensor('std', [], [STD]),
      floatTensor('W', [6, 2], [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
      floatTensor('c', [6], [3, 3, 0.5, 0.5, 0.5, 0.5]),
      intTensor('two', [-1, 2, 3]),
      intTensor('three', [-1, 3, 2]),
      // In the order [3,2] of the turned latent, entry 1 of h comes third.
      floatTensor('V', [6, 2], [0, 0.6, 0, 0, 0, 0.8, 0, 0, 0, 0, 0, 0]),
      floatTensor('d', [2], [0, -b]),
    ],
    input: ['N', 2],
    output: ['N', 2],
  };
}

interface Opened {
  readonly classifier: PreparedClassifier;
  readonly cut: Cut;
  readonly left: LeftHalfBound | null;
}

async function opened(net: Net): Promise<Opened> {
  const classifier = await prepareClassifier(tinyModel(partsOf(net)), undefined, null);
  const cut = firstActivationCut(classifier.cuts.cuts, classifier.model.graph);
  if (cut === null) throw new Error('the network has an activation');
  return { classifier, cut, left: leftHalfBoundAt(classifier, cut, 'secant', 1e-6) };
}

const imageOf = ({ k }: Net): Float32Array => Float32Array.from(IMAGE, (v) => v / k);

/** The certificate of the image by the file's network `net`, its left half read as `read`. */
async function certified(net: Net, read: LeftHalfBound | null): Promise<FlatCertificate> {
  const { classifier, cut } = await opened(net);
  const image = imageOf(net);
  const smoothed = await openSmoothed(classifier, cut, read, [image]);
  try {
    const settings = {
      sigma: 0.5,
      n0: 100,
      n: 2000,
      alpha: 0.001,
      bound: 'clopper-pearson',
      seed: 3n,
    } as const;
    return await smoothed.certify(image, 0, settings);
  } finally {
    await smoothed.close();
  }
}

/** Class 1 by this margin: 0.6 · 3.2 + 0.8 · 3.6 - 4.7. */
const MARGIN = 0.1;
const distance = ({ k }: Net): number => (MARGIN * STD) / k;

const isWrong = (net: Net, { prediction, radius }: FlatCertificate): boolean =>
  prediction !== null && (prediction !== 1 || radius > distance(net));

/** How the network is read wrongly: what the certificate of the file's network `net` is made with. */
interface Misreading {
  readonly name: string;
  readonly net: Net;
  readonly read: () => Promise<LeftHalfBound | null>;
  readonly says: RegExp;
}

const ANOTHER_LEFT = /computes something else in ONNX Runtime than in our own evaluation/;

const misreadings: readonly Misreading[] = [
  {
    name: 'a normalisation folded with the wrong sign of the mean',
    net: honest,
    read: async () => (await opened({ ...honest, sign: 1 })).left,
    says: ANOTHER_LEFT,
  },
  {
    name: 'an input scale that lies: 0..1 read for 0..10',
    net: { ...honest, k: 10 },
    read: async () => (await opened(honest)).left,
    says: ANOTHER_LEFT,
  },
  {
    name: 'a shape that lies: [3,2] read as it lies in memory, where it is [2,3] turned',
    net: honest,
    read: async () => (await opened({ ...honest, turned: false })).left,
    says: ANOTHER_LEFT,
  },
  {
    name: 'an operator that we evaluate differently: half of Relu',
    net: honest,
    read: async () => {
      state.corrupted = true;
      const { left } = await opened(honest);
      state.corrupted = false;
      return left;
    },
    says: ANOTHER_LEFT,
  },
  {
    name: 'a right half with another bias',
    net: honest,
    read: async () => {
      const { splitModel } = await import('../../src/onnx/split.ts');
      const other = await opened({ ...honest, b: 3 });
      state.right = splitModel(other.classifier.model, other.cut).right;
      return (await opened(honest)).left;
    },
    says: /do not compute what the whole network computes/,
  },
];

describe('a network that is read rightly', () => {
  it.each([honest, { ...honest, k: 10 }])(
    'gets its certificate: class 1, within the true distance (%o)',
    async (net) => {
      const certificate = await certified(net, (await opened(net)).left);
      expect(isWrong(net, certificate)).toBe(false);
      expect([1, null]).toContain(certificate.prediction);
    },
  );
});

describe.each(misreadings)('$name', ({ net, read, says }) => {
  it('is refused: ModelRefused, exit code 3, saying what differs', async () => {
    const error: unknown = await certified(net, await read()).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ModelRefused);
    const { report, exitCode } = error as ModelRefused;
    expect(exitCode).toBe(ExitCode.modelRefused);
    expect(report.what).toMatch(says);
    expect(report.why).toMatch(/differ by/);
    expect(report.remedy).toBeTruthy();
    expect(report.where).toContain('tiny.onnx');
  });

  it('would be certified, wrongly, if nothing were compared', async () => {
    const left = await read();
    state.checked = false;
    expect(isWrong(net, await certified(net, left))).toBe(true);
  });
});

describe('a left half of another size than ONNX Runtime’s', () => {
  it('is refused, also where the entries that there are agree', async () => {
    const smaller = { ...partsOf(honest) };
    const cutShort: Parts = {
      ...smaller,
      nodes: smaller.nodes
        .map((n) => (n.opType === 'Relu' ? edited(n, { input: ['s'] }) : n))
        .flatMap((n) => (n.opType === 'Relu' ? [node('Slice', ['t', 'from', 'to', 'axis'], 's'), n] : [n])),
      initializers: [
        ...(smaller.initializers ?? []).filter(({ name }) => name !== 'V'),
        floatTensor('V', [4, 2], [0, 0.6, 0, 0, 0, 0.8, 0, 0]),
        intTensor('from', [0]),
        intTensor('to', [2]),
        intTensor('axis', [1]),
      ],
    };
    const classifier = await prepareClassifier(tinyModel(cutShort), undefined, null);
    const cut = firstActivationCut(classifier.cuts.cuts, classifier.model.graph);
    if (cut === null) throw new Error('the network has an activation');
    const left = leftHalfBoundAt(classifier, cut, 'secant', 1e-6);
    await expect(certified(honest, left)).rejects.toThrow(ANOTHER_LEFT);
  });
});

describe('declared shapes that lie', () => {
  const F = DataType.FLOAT;
  const withInfo = (
    valueInfo: ReturnType<typeof tensorInfo>[],
    parts: Parts = partsOf(honest),
  ): ModelProto => {
    const proto = tinyProto(parts);
    return edited(proto, { graph: edited(proto.graph ?? {}, { valueInfo }) });
  };
  const inspected = async (proto: ModelProto) => {
    const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
    const { encodeModel } = await import('../../src/onnx/model/codec.ts');
    const folder = mkdtempSync(`${(await import('node:os')).tmpdir()}/splitz-lies-`);
    try {
      writeFileSync(`${folder}/lie.onnx`, encodeModel(proto));
      return await inspectModel(`${folder}/lie.onnx`, { milliseconds: 2000 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it.each([
    ['an intermediate tensor of another size', withInfo([tensorInfo('u', F, ['N', 4, 7])])],
    ['an intermediate tensor of another rank', withInfo([tensorInfo('h', F, ['N', 2, 3])])],
    ['an intermediate tensor with a batch of its own', withInfo([tensorInfo('t', F, [7, 3, 2])])],
    ['an output of ten classes', withInfo([], { ...partsOf(honest), output: ['N', 10] })],
  ])('change nothing, since shapes are measured: %s', async (_, proto) => {
    const [truth, lied] = [await inspected(withInfo([])), await inspected(proto)];
    expect(lied.refusal).toBeNull();
    expect(lied.classifier?.classes).toBe(2);
    const seen = (of: typeof lied) =>
      of.cuts.map(({ cut, latentLipschitz }) => [cut.name, cut.dims, latentLipschitz]);
    expect(seen(lied)).toEqual(seen(truth));
  });

  it.each([
    ['an input of another size', withInfo([], { ...partsOf(honest), input: ['N', 3] })],
    ['an intermediate tensor of another type', withInfo([tensorInfo('u', DataType.INT64, ['N', 3, 2])])],
  ])('are refused where ONNX Runtime goes by them: %s', async (_, proto) => {
    const { refusal, findings } = await inspected(proto);
    expect(refusal?.exitCode).toBe(ExitCode.modelRefused);
    expect(refusal?.report.why).toBeTruthy();
    expect(findings[0]?.id).toBe('SPLITZ001');
  });
});
