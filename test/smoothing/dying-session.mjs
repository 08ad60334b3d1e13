// The thread of a session that ends while it counts on device 1, as one killed for memory would, with the memory of the producers.
import { parentPort, workerData } from 'node:worker_threads';

// Listening earlier would take the first requests away from the script.
await import('#session-thread');
parentPort.on('message', ({ request }) => {
  if (request?.kind === 'tally' && workerData.device === 1) setTimeout(() => process.exit(3), 20);
});
