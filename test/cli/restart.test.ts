import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
// dist/ is run here: command-line.ts makes sure that it was built from these sources.
import './command-line.ts';

const script = fileURLToPath(new URL('restarting.mjs', import.meta.url));

async function started(how: string, act: (child: ReturnType<typeof spawn>) => void = () => {}) {
  const child = spawn(process.execPath, [script, how], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (text) => {
    output += text;
    act(child);
  });
  child.stderr.on('data', (text) => {
    errors += text;
  });
  const [code, signal] = await once(child, 'close');
  return { code, signal, output, errors };
}

describe('a process that starts itself again', () => {
  it('passes its arguments, its streams and the exit code through', async () => {
    expect(await started('5')).toMatchObject({ code: 5, signal: null, output: 'set 5\n' });
  });

  it('passes a signal on, once', async () => {
    let sent = false;
    const { code, output } = await started('wait', (child) => {
      if (!sent) child.kill('SIGINT');
      sent = true;
    });
    expect({ code, output }).toEqual({ code: 7, output: 'set wait\nheard\n' });
  });

  it('ends by the signal that ended the other', async () => {
    expect(await started('die')).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it('never does so twice', async () => {
    const { code, errors } = await started('again');
    expect(code).not.toBe(0);
    expect(errors).toContain('MARK=set does not arrive in the process');
  });
});
