// A worker that starts well and ends at its first request, as one killed for memory would.
import { parentPort } from 'node:worker_threads';

parentPort.once('message', () => process.exit(3));
