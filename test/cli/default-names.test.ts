import { describe, expect, it } from 'vitest';
import { modelStem, resultName } from '../../src/cli/default-names.ts';

describe('names of files that commands choose', () => {
  it('are the model and the cut, without folder and ending', () => {
    expect(resultName('some/where/net.onnx', '/layer1/Relu:0')).toBe('net._layer1_Relu_0.jsonl');
    expect(modelStem('some/where/net.ONNX.gz')).toBe('net');
  });

  it('fit a file system, with endings of 50 bytes, in any alphabet', () => {
    const long = resultName(`${'模'.repeat(80)}.onnx`, 'x'.repeat(330));
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(205);
    expect(long).not.toContain('\ufffd');
  });

  it('differ where the cuts do, and are the same for the same cut', () => {
    const names = ['a', 'b'].map((last) => resultName('net.onnx', 'x'.repeat(330) + last));
    expect(new Set(names).size).toBe(2);
    expect(resultName('net.onnx', `${'x'.repeat(330)}a`)).toBe(names[0]);
  });
});
