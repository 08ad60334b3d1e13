// An architecture of the project with untrained weights, as a file: speed does not depend on them.
//   node tools/gpu/random-network.mjs resnet110 FILE.onnx
import { writeFileSync } from 'node:fs';
import { encodeModel } from '../../dist/onnx/model/codec.js';
import { buildArchitecture } from '../../dist/training/architectures/index.js';

const [architecture, file] = process.argv.slice(2);
writeFileSync(file, encodeModel(buildArchitecture(architecture)));
