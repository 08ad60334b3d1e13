// A producer of noise that ends when it is asked for noise, as one killed for memory would.
import { parentPort } from 'node:worker_threads';

// Listening earlier would take the first requests away from the script.
await import('#noise-producer');
parentPort.on('message', ({ request }) => {
  if (request?.kind === 'produce') process.exit(3);
});
