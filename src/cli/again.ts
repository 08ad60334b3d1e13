/** A command on the same model and data with other settings, as it can be pasted into a shell. */
import { basename } from 'node:path';
import { originOf, type RequestOrigins } from '../methods/sourced.ts';

/** Options that say what is certified; what is asked of a method is not among them. */
const SUBJECT = [
  ...['data', 'subset', 'labels', 'mean', 'std', 'scale', 'layout', 'channels', 'output'],
  ...['input-shape', 'force-eval', 'class-names', 'denoiser', 'denoiser-sigma', 'schedule'],
] as const;
const OF_DENOISER: readonly string[] = ['denoiser', 'denoiser-sigma', 'schedule'];
/** Those of them that training has too. */
const TRAINED = ['data', 'labels', 'mean', 'std', 'scale', 'layout', 'channels', 'output'] as const;
/** Options that say which images, and how many draws. */
const SELECTION = ['start', 'skip', 'max', 'n0', 'n', 'until', 'share-noise', 'alpha'] as const;

export interface Again {
  /** Of the model, its name without ".onnx". */
  readonly stem: string;
  certify(options: Readonly<Record<string, string | number>>): string;
  /** The same without the denoiser. */
  undenoised(options: Readonly<Record<string, string | number>>): string;
  /** Path of the denoiser the run had; null without one. */
  readonly denoiser: string | null;
  /** Training on the same data. */
  train(options: Readonly<Record<string, string | number>>): string;
  /** A command that takes model and data. */
  other(command: string, options: Readonly<Record<string, string | number>>): string;
}

/** @param flags of a command that takes a model; only those from the command line are repeated, the others are found again */
export function again(flags: RequestOrigins & { readonly model: string }): Again {
  const values = flags as unknown as Readonly<Record<string, unknown>>;
  const repeated = (names: readonly string[]): string[] =>
    names.flatMap((name) => {
      const value = values[name];
      if (value === undefined || value === false || originOf(flags, name) !== 'flag') return [];
      if (!flags.origins?.has(name)) return [];
      return value === true ? [`--${name}`] : [`--${name} ${quoted(String(value))}`];
    });
  const line = (command: string, kept: readonly string[], options: object): string =>
    [
      `splitz-onnx ${command} ${quoted(flags.model)}`,
      ...repeated(kept),
      ...Object.entries(options).map(([name, value]) => `--${name} ${quoted(String(value))}`),
    ].join(' ');
  return {
    stem: basename(flags.model).replace(/\.onnx$/iu, ''),
    denoiser: typeof values['denoiser'] === 'string' ? values['denoiser'] : null,
    train: (options) => line('train', TRAINED, options),
    certify: (options) => line('certify', [...SUBJECT, ...SELECTION], options),
    undenoised: (options) =>
      line('certify', [...SUBJECT.filter((name) => !OF_DENOISER.includes(name)), ...SELECTION], options),
    other: (command, options) => line(command, SUBJECT, options),
  };
}

const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
