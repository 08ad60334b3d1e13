// Processor time of one product with the Gram matrix of a convolution that is never written out, the stem of ResNet-18 at 224 x 224:
// all its rows, and with half of them masked.
//   node tools/bench/convolution.mjs
import { gramOf } from '../../dist/operators/algebra/kernel.js';
import { median } from './measure.mjs';

const sweep = { input: 224, output: 112, kernel: 7, stride: 2, dilation: 1, padBegin: 3, padEnd: 3 };
const weights = Float64Array.from({ length: 64 * 147 }, (_, i) => Math.sin(i * i));
const stem = { batch: 1, groups: 1, outChannels: 64, perGroup: 3, y: sweep, x: sweep, weights };
const image = Float64Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.cos(i));
const back = new Float64Array(image.length);
const half = Float64Array.from({ length: 64 * 112 * 112 }, (_, i) => (Math.sin(i * 0.7) > 0 ? 1 : 0));

for (const [name, rows] of [
  ['all rows', null],
  ['half of them', half],
]) {
  const product = gramOf(stem, rows);
  product(image, back);
  const times = Array.from({ length: 9 }, () => {
    const before = process.cpuUsage().user;
    product(image, back);
    return (process.cpuUsage().user - before) / 1e3;
  });
  console.log(`${name.padEnd(14)}${median(times).toFixed(0)} ms`);
}
