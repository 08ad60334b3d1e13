import { describe, expect, it } from 'vitest';
import { modulePathOf, parsePythonStrings } from '../../src/onnx/model/module-path.ts';

const scopes = (value: string) => ({ metadataProps: [{ key: 'pkg.torch.onnx.name_scopes', value }] });

describe('the module path of a node', () => {
  it('is read from TorchScript names that repeat their parents', () => {
    expect(modulePathOf({ name: '/layer1/layer1.0/conv1/Conv' })).toBe('layer1.0.conv1');
    expect(modulePathOf({ name: '/features/features.3/features.3.1/Relu_2' })).toBe('features.3.1');
    expect(modulePathOf({ name: '/Relu_1' })).toBeNull();
  });

  it('is read from the name scopes of the dynamo exporter', () => {
    expect(modulePathOf({ name: 'node_conv2d', ...scopes("['', 'layer1', 'layer1.0', 'conv2d']") })).toBe(
      'layer1.0',
    );
    expect(modulePathOf({ name: 'node_view', ...scopes("['', 'view']") })).toBeNull();
    expect(parsePythonStrings(`['it\\'s', "a 'b'", '']`)).toEqual(["it's", "a 'b'", '']);
  });

  it('is read from TensorFlow names, without the model and the operator', () => {
    expect(modulePathOf({ name: 'StatefulPartitionedCall/sequential/dense_1/MatMul' })).toBe('dense_1');
    expect(modulePathOf({ name: 'conv2d_28/Relu' })).toBe('conv2d_28');
  });

  it('is read from the names of the weights when the nodes have none', () => {
    expect(modulePathOf({ name: 'Conv_0', input: ['x', 'layer1.0.conv1.weight'] })).toBe('layer1.0.conv1');
    expect(modulePathOf({ name: 'Conv_0', input: ['x', '123'] })).toBeNull();
  });
});
