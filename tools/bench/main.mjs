// `npm run bench`: the figures of README and docs, measured side by side in one run on this machine.
//
// A section is one file here whose function measures and resolves to the text it prints; add it to the list to add it to
// the run. `tools/bench/memory.mjs` is apart: it takes minutes and answers one question.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { bound } from './bound.mjs';
import { noise } from './noise.mjs';
import { sampling } from './sampling.mjs';

const SECTIONS = [noise, sampling, bound];

const [load = 0] = loadavg();
console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}`);
if (load > 0.5) console.log(`(the machine is not idle: load ${load.toFixed(1)} before the start)`);
for (const section of SECTIONS) console.log(`\n${await section()}`);
