import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { it } from 'vitest';
import { boundability } from '../src/certificate/boundability.ts';
import { prepareClassifier } from '../src/certificate/prepare-classifier.ts';
import { loadModel } from '../src/onnx/load.ts';
import { modelFiles } from './onnx/shared.ts';

it('scratch', async () => {
  const lines: string[] = [];
  const files = (process.env['FILES'] ?? '').split(',').filter((s) => s);
  for (const f of files.length
    ? files
    : ['awkward', 'malformed', 'noise-trained', 'one-network-many-exports', 'real'].flatMap(modelFiles)) {
    try {
      const model = await loadModel(f);
      const t0 = performance.now();
      const a = await prepareClassifier(model, undefined, null, undefined, 'as delivered');
      const t1 = performance.now();
      const b = await prepareClassifier(model, undefined, null);
      const t2 = performance.now();
      const count = (c: typeof a) => {
        const r = boundability(c, files.length ? 4000 : 300);
        return `${c.cuts.cuts.length} cuts, ${r.cuts.filter((k) => k.why === null && k.checked).length} bounded, ${r.cuts.filter((k) => k.latentLipschitz !== null).length} measured; last why ${r.cuts.find((k) => k.why)?.why ?? ''}`;
      };
      if (files.length || b.rewrites.changes.length || b.rewrites.leftOut.length)
        lines.push(
          basename(f),
          `  ${(t1 - t0).toFixed(0)} ms, ${(t2 - t1).toFixed(0)} ms`,
          '  ' + JSON.stringify(b.rewrites),
          '  before ' + count(a),
          '  after  ' + count(b),
        );
    } catch (e) {
      if (files.length) lines.push(basename(f) + ' ' + String(e));
    }
  }
  writeFileSync('/tmp/h1-scratch.txt', lines.join('\n') + '\n');
}, 600000);
