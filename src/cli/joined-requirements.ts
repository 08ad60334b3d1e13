/** Several `--require` on one command line, for yargs, which keeps the last of equal flags. */

const FLAG = '--require';

/** The arguments with every `--require X` and `--require=X` in one, X separated by line ends, in the place of the first. */
export function joinedRequirements(args: readonly string[]): string[] {
  const texts: string[] = [];
  const rest: string[] = [];
  let place: number | null = null;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    const next = args[i + 1];
    if (arg === '--') {
      rest.push(...args.slice(i));
      break;
    }
    // Without a value it stays, for yargs to reject.
    const text = arg.startsWith(`${FLAG}=`) ? arg.slice(FLAG.length + 1) : arg === FLAG ? next : undefined;
    if (text === undefined) {
      rest.push(arg);
      continue;
    }
    if (arg === FLAG) i++;
    place ??= rest.length;
    texts.push(text);
  }
  return place === null ? rest : rest.toSpliced(place, 0, `${FLAG}=${texts.join('\n')}`);
}
