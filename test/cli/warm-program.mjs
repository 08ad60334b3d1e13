/**
 * The built program, run many times in one process: a new one spends over a second on loading its modules. Every request of
 * the parent runs main.js from its first line, in the folder asked for; only what it imports stays loaded.
 */
const MAIN = new URL('../../dist/cli/main.js', import.meta.url);

// The help of yargs leaves by process.exit, and yargs takes it as it is when it is loaded.
process.exit = (code) => {
  process.exitCode = code;
};
let printed = { stdout: '', stderr: '' };
for (const name of ['stdout', 'stderr'])
  process[name].write = (text, encoding, done = encoding) => {
    printed[name] += typeof text === 'string' ? text : new TextDecoder().decode(text);
    if (typeof done === 'function') done();
    return true;
  };

let runs = 0;
process.on('message', async ({ folder, args }) => {
  printed = { stdout: '', stderr: '' };
  process.chdir(folder);
  process.argv = [process.execPath, MAIN.pathname, ...args];
  process.exitCode = undefined;
  await import(`${MAIN}?${runs++}`);
  process.send({ code: process.exitCode ?? 0, ...printed });
  process.exitCode = undefined;
});
