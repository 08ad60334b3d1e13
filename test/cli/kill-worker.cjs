// Preloaded with --require: in a sampling worker, ends the thread without a word when its 20th count is asked of it, as the system
// ends one that takes too much memory.
const { isMainThread, parentPort } = require('node:worker_threads');
if (!isMainThread && parentPort !== null) {
  const on = parentPort.on.bind(parentPort);
  let counts = 0;
  parentPort.on = (event, listener) =>
    on(event, (message) => {
      if (event === 'message' && message.request?.kind === 'count' && ++counts === 20) process.exit(7);
      listener(message);
    });
}
