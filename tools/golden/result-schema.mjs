// Writes test/fixtures/result.schema.json, the schema of a result line as it was last agreed on: `npm run build`, then
// `node tools/golden/result-schema.mjs` and `npm run format`. A difference is a change of the format that every reader of result files meets.
import { copyFileSync } from 'node:fs';

const at = (path) => new URL(`../../${path}`, import.meta.url);
copyFileSync(at('dist/records/result.schema.json'), at('test/fixtures/result.schema.json'));
