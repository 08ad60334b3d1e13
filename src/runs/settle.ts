/** From a request to series with settled settings. */
import { UsageError } from '../ground/errors.ts';
import { askedOf } from '../methods/asked.ts';
import type { Context } from '../methods/context.ts';
import { METHODS, methodNamed } from '../methods/index.ts';
import type { Asked, Method, SeriesRequest, Subject, WithOrigins } from '../methods/method.ts';
import { byFlag, type OptionOrigins, originOf } from '../methods/sourced.ts';
import type { DenoiserInUse } from './open-denoiser.ts';

/** One method with its settings. */
export interface SettledSeries {
  readonly method: Method;
  readonly settings: WithOrigins<object>;
  /** false: the network without the denoiser that the other series have. */
  readonly denoised?: false;
}

export interface Settled {
  /** The one asked for, then what it is compared with. */
  readonly series: readonly SettledSeries[];
  /** Images that settings were chosen on. */
  readonly heldOut: readonly number[];
}

/** What is certified, with what its denoiser asks of the method. */
export interface SubjectToSettle extends Subject {
  readonly denoiser?: Pick<DenoiserInUse, 'asked' | 'sigma' | 'cut'> | null;
}

export interface SeriesRequests {
  /** Name of the method; the first of the list unless given. */
  readonly method?: string | undefined;
  /** Settings of the method by name; those not given come from the model's metadata, or are defaults. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** Names of the methods alongside; by default what the method is fairly compared with. */
  readonly against?: readonly string[] | undefined;
  /** Settings of the methods alongside. */
  readonly beside?: Readonly<Record<string, unknown>> | undefined;
  /** Where the settings were set; by default all by flags. */
  readonly origins?: OptionOrigins | undefined;
}

/** The values asked for, with their origins. @param prefix of the options that set them */
export function asked(
  settings: Readonly<Record<string, unknown>> | undefined,
  origins: OptionOrigins | undefined,
  prefix = '',
): Asked {
  return Object.fromEntries(
    Object.entries(settings ?? {})
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, byFlag(value, originOf({ origins }, prefix + name))]),
  );
}

/** Throws UsageError for settings that no model could be certified with; called before one is opened. */
export function checkSettings(request: SeriesRequests): void {
  const { method, given } = dealt(request);
  const named = methodNamed(method);
  named.preview(askedOf(named, given), {}, new Map());
}

/** What was asked for, dealt out: to the method, and to those alongside what it does not know and they do. */
function dealt({ method = METHODS[0]?.name ?? '', settings, against = [], origins }: SeriesRequests): {
  readonly method: string;
  readonly given: Asked;
  readonly forOthers: Asked;
} {
  const knownBy = (name: string): readonly string[] =>
    Object.keys(methodNamed(name).settings.json.properties ?? {});
  const [own, others] = [knownBy(method), against.flatMap(knownBy)];
  const all = Object.entries(asked(settings, origins));
  const isForOthers = ([name]: (typeof all)[number]): boolean => !own.includes(name) && others.includes(name);
  return {
    method,
    given: Object.fromEntries(all.filter((one) => !isForOthers(one))),
    forOthers: Object.fromEntries(all.filter(isForOthers)),
  };
}

/**
 * Settings of the method asked for, and of those alongside. None of them depends on the seed.
 * @throws UsageError, ModelRefused for what cannot be certified
 */
export async function settle(
  request: SeriesRequests,
  subject: SubjectToSettle,
  context: Context,
): Promise<Settled> {
  const { against, origins } = request;
  const { method, given, forOthers } = dealt(request);
  const own = await resolved(
    { method, asked: withDenoiser(method, given, subject.denoiser) },
    subject,
    context,
  );
  checkNoise(own.series, subject.denoiser);
  const beside = { ...forOthers, ...asked(request.beside, origins, 'baseline-') };
  const requests: SeriesRequest[] = [];
  const twin = await twinOf(own.series, against, beside, subject, context);
  if (against === undefined) requests.push(...(twin === null ? [] : [twin]));
  else
    for (const name of against)
      requests.push(
        twin?.method === name ? twin : { method: name, asked: sharedWith(name, own.series, beside) },
      );
  const others = [];
  for (const one of requests) others.push(await resolved(one, subject, context));
  const all = [own, ...others];
  requireOneNorm(all.map(({ series }) => series.method));
  return {
    series: [
      ...all.map(({ series }) => series),
      ...(subject.denoiser && against === undefined ? [undefended(own.series, subject.denoiser.cut)] : []),
    ],
    heldOut: [...new Set(all.flatMap(({ heldOut }) => heldOut))].sort((a, b) => a - b),
  };
}

/** The same series of the network as it was delivered. */
function undefended({ method, settings }: SettledSeries, { name }: DenoiserInUse['cut']): SettledSeries {
  const { split } = settings as Asked;
  return {
    method,
    denoised: false,
    settings: split ? { ...settings, split: { ...split, value: name } } : settings,
  };
}

/** Throws UsageError for methods that cannot be series of one run. */
function requireOneNorm([own, ...alongside]: readonly Method[]): void {
  const other = alongside.find(({ norm }) => norm !== own?.norm);
  if (own === undefined || other === undefined) return;
  throw new UsageError({
    what: `${other.name} cannot run alongside ${own.name}`,
    why: `its radii are in ${other.norm}, those of ${own.name} in ${own.norm}: they are different statements, and no table of a run mixes them`,
    remedy: `Omit --against ${other.name}, and certify with it in a run of its own.`,
  });
}

/** What was asked of the method, at the denoiser's cut, and for the noise it was trained for unless another was asked. */
function withDenoiser(method: string, given: Asked, denoiser: SubjectToSettle['denoiser']): Asked {
  if (!denoiser) return given;
  const { split, sigma } = denoiser.asked;
  const known = methodNamed(method).settings.json.properties ?? {};
  return {
    ...given,
    ...(known['split'] === undefined ? {} : { split }),
    ...(sigma === undefined || given['sigma'] !== undefined ? {} : { sigma }),
  };
}

/** A denoiser scaled for other noise than the run's would be a mistake of ours. */
function checkNoise({ settings }: SettledSeries, denoiser: SubjectToSettle['denoiser']): void {
  const noise = (settings as Asked)['sigma']?.value;
  if (denoiser?.sigma == null || denoiser.sigma === noise) return;
  throw new Error(`the denoiser is used at sigma ${denoiser.sigma}, the run has ${String(noise)}`);
}

/** Null where none is wanted. */
async function twinOf(
  { method, settings }: SettledSeries,
  against: readonly string[] | undefined,
  beside: Asked,
  subject: Subject,
  context: Context,
): Promise<SeriesRequest | null> {
  return against?.length === 0 ? null : method.twin(settings, beside, subject, context);
}

/** What was asked of the first series and another method knows too, and what was asked for alongside. */
function sharedWith(name: string, { settings }: SettledSeries, beside: Asked): Asked {
  const known = Object.keys(methodNamed(name).settings.json.properties ?? {});
  // A level of noise belongs to the place where it is added; what follows from the model is each method's own to derive.
  const common = Object.entries(settings as Asked).filter(
    ([key, given]) =>
      known.includes(key) && key !== 'sigma' && given?.origin !== 'derived' && given?.origin !== 'default',
  );
  const others = Object.entries(beside).filter(([key]) => known.includes(key));
  return Object.fromEntries([...common, ...others]);
}

async function resolved(
  request: SeriesRequest,
  subject: Subject,
  context: Context,
): Promise<{ readonly series: SettledSeries; readonly heldOut: readonly number[] }> {
  const method = methodNamed(request.method);
  const answer = await method.resolve(askedOf(method, request.asked), subject, context);
  const heldOut = answer.heldOut ?? [];
  if (!('instead' in answer)) return { series: { method, settings: answer.settings }, heldOut };
  const other = await resolved(answer.instead, subject, context);
  return { series: other.series, heldOut: [...heldOut, ...other.heldOut] };
}
