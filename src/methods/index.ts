/** The certification methods, by name. A new one is a folder and a line here. The first is the default. */
import { ToolError, UsageError } from '../ground/errors.ts';
import { normOf } from '../records/norm.ts';
import type { RunHeader, SeriesHeader } from '../records/record.ts';
import type { SeriesFormats } from '../records/series-format.ts';

import { deterministic } from './deterministic/method.ts';
import { lipschitzSmoothing } from './lipschitz-smoothing/method.ts';
import { type Method, valuesOf, type WithOrigins } from './method.ts';

import { smoothing } from './smoothing/method.ts';
import { splitz } from './splitz/method.ts';
import { uniformSmoothing } from './uniform-smoothing/method.ts';

const methods: Method[] = [splitz, smoothing, deterministic, uniformSmoothing, lipschitzSmoothing];

/** All of them. */
export const METHODS: readonly Method[] = methods;

/** Adds a method of a program's own, for runs and result files of this process; the returned function removes it again. */
export function registerMethod(method: Method): () => void {
  if (findMethod(method.name) !== null) throw new RangeError(`there is a method '${method.name}' already`);
  methods.push(method);
  return () => {
    methods.splice(methods.indexOf(method), 1);
  };
}

const findMethod = (name: string): Method | null => methods.find((method) => method.name === name) ?? null;

/** What reads and writes result files of these methods. */
export const FORMATS: SeriesFormats = findMethod;

/** A method by the name a user gave. @throws UsageError for an unknown name */
export function methodNamed(name: string): Method {
  const method = findMethod(name);
  if (method !== null) return method;
  throw new UsageError({
    what: `there is no method '${name}'`,
    remedy: `Write one of ${methods.map((one) => one.name).join(', ')}.`,
  });
}

/** The method of a series that was read from a file. */
export function methodOf({ method: name }: SeriesHeader): Method {
  const method = findMethod(name);
  if (method === null)
    throw new ToolError({
      what: `the method '${name}' is not known`,
      remedy: 'Use the version of this program that wrote the file.',
    });
  return method;
}

/** Short name of a series in tables and figures; it says which norm its radii are in where that is not l2. */
export function labelOf(series: SeriesHeader): string {
  const { settings, denoised = false } = series;
  const label = methodOf(series).label(valuesOf(settings as WithOrigins<object>), denoised);
  return normOf(series) === 'l2' ? label : `${label} (${normOf(series)})`;
}

/** The first series of a run, which its results are stated for. */
export function ownSeries({ series: [own] }: RunHeader): SeriesHeader {
  if (own === undefined) throw new RangeError('a run has a series');
  return own;
}
