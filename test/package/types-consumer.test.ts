/** The package compiles in the projects of others, with the strictest options they may have. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFolder } from '../cli/command-line.ts';
import { sharedFolder } from '../onnx/shared.ts';
import { install, typeErrors } from './consumer.ts';

const { folder, remove } = newFolder();
beforeAll(() => install(folder));
afterAll(remove);

/** Uses what README and docs/attack.md show, and every declaration by way of `typeof`. */
const PROGRAM = `
import * as library from 'splitz-onnx';
import { certify, loadModel, openAttack, openContext, openDataset, prepareClassifier, type Dataset } from 'splitz-onnx';

export type Everything = typeof library;
export type Attack = Awaited<ReturnType<typeof openAttack>>;
export type Context = Awaited<ReturnType<typeof openContext>>;
for await (const { series } of certify({ model: 'net.onnx', start: 2, max: 1, settings: { n: 1000 } })) {
  const [own] = series;
  if (own !== undefined) console.log(own.prediction, own.radius.toFixed(3));
}
const data: Dataset = await openDataset('glyphs', { subset: 'test' });
const intake = { layout: 'nchw', scale: 1, imageShape: data.shape } as const;
const { classes } = await prepareClassifier(await loadModel('net.onnx'), undefined, intake);
console.log(classes.toFixed(0));
`;

const TRAINING = `
import { openEngine, type Engine, type Network, trainableNetwork } from 'splitz-onnx/training';
export type Opened = Awaited<ReturnType<typeof openEngine>>;
export const parametersOf = (...of: Parameters<typeof trainableNetwork>): number => trainableNetwork(...of).parameters.size;
export const close = (engine: Engine, { parameters }: Network) => (parameters.size > 0 ? engine.close() : null);
`;

describe('a strict consumer without the library of the browser (types-consumer)', () => {
  it('compiles with the declarations of splitz-onnx', () => {
    expect(typeErrors(folder, PROGRAM)).toEqual([]);
  });

  it('is told of a mistake of its own, so that compiling says something', () => {
    const wrong = "import { certify } from 'splitz-onnx';\ncertify({ model: 5 });\n";
    expect(typeErrors(folder, wrong)).toEqual([expect.stringMatching(/^program\.ts\(2,.*TS2322/u)]);
  });

  it('of splitz-onnx/training compiles with skipLibCheck, as the types of TensorFlow.js name those of the browser', () => {
    expect(typeErrors(folder, TRAINING, { skipLibCheck: true })).toEqual([]);
    expect(typeErrors(folder, TRAINING)).toContainEqual(expect.stringContaining('@tensorflow/tfjs-core'));
  });

  const program = `${sharedFolder}/cases/types-consumer/a.ts`;
  const absent = existsSync(program) ? '' : ' (skipped: the shared cases are not on this machine)';
  it.skipIf(absent !== '')(
    `as shared/cases/types-consumer has it meets no error but that of a name the library no longer has${absent}`,
    () => {
      const errors = typeErrors(folder, readFileSync(program, 'utf8'));
      expect(errors.filter((line) => !line.includes("'openSmoothedClassifier'"))).toEqual([]);
    },
  );
});
