// Starts itself again; the second process says so, and then ends as it is told or, with WAIT, on the first signal.
import { isRestarted, restartedWith } from '../../dist/cli/restart.js';

if (!isRestarted()) await restartedWith({ MARK: 'set' });
const [how] = process.argv.slice(2);
const say = () => process.stdout.write(`${process.env.MARK} ${process.argv.slice(2)}\n`);
// Whoever waits for the word may send the signal at once.
if (how !== 'wait') say();
if (how === 'again') await restartedWith({ MARK: 'set' });
else if (how === 'die') process.kill(process.pid, 'SIGKILL');
else if (how === 'wait') {
  setInterval(() => {}, 1000);
  process.once('SIGINT', () => {
    process.stdout.write('heard\n');
    process.exitCode = 7;
    setTimeout(() => process.exit(), 100);
    process.once('SIGINT', () => process.exit(8));
  });
  say();
} else process.exitCode = Number(how);
