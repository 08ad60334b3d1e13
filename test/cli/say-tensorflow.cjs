// Preloaded with --require: on leaving, the process says whether TensorFlow.js was loaded. It is CommonJS, so the cache has it.
process.on('exit', () => {
  const loaded = Object.keys(require.cache).some((file) => file.includes('@tensorflow'));
  process.stderr.write(`tensorflow ${loaded ? 'loaded' : 'not loaded'}\n`);
});
