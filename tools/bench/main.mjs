// `npm run bench [-- SECTION …]`: the figures of README and docs, measured side by side in one run on this machine.
//
// A section is one file here whose function measures and resolves to the text it prints; add it to the list to add it to
// the run. `tools/bench/memory.mjs` is apart: it takes minutes and answers one question.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { bound } from './bound.mjs';
import { noise } from './noise.mjs';
import { pipeline } from './pipeline.mjs';
import { sampling } from './sampling.mjs';

const SECTIONS = { noise, sampling, pipeline, bound };
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in SECTIONS));
if (unknown.length > 0)
  throw new Error(`there is no section ${unknown.join(', ')}: ${Object.keys(SECTIONS).join(', ')}`);

const [load = 0] = loadavg();
console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}`);
if (load > 0.5) console.log(`(the machine is not idle: load ${load.toFixed(1)} before the start)`);
for (const [name, section] of Object.entries(SECTIONS))
  if (wanted.length === 0 || wanted.includes(name)) console.log(`\n${await section()}`);
