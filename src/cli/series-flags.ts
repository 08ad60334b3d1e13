/** The flags of a command that are settings of certification methods. */
import { METHODS } from '../methods/index.ts';
import type { RequestOrigins } from '../methods/sourced.ts';
import type { SeriesRequests } from '../runs/settle.ts';

export interface SeriesFlags extends RequestOrigins {
  readonly method?: string | undefined;
  readonly against?: readonly string[] | undefined;
  /** False where nothing is run alongside the method. */
  readonly baseline?: boolean | undefined;
  readonly baselineSigma?: number | undefined;
}

/** Every flag that was set and bears the name of a method's setting. */
export function seriesRequests(flags: SeriesFlags): SeriesRequests {
  const values = flags as Readonly<Record<string, unknown>>;
  const names = new Set(METHODS.flatMap(({ settings }) => Object.keys(settings.json.properties ?? {})));
  const given = [...names].filter((name) => values[name] !== undefined);
  return {
    method: flags.method,
    settings: Object.fromEntries(given.map((name) => [name, values[name]])),
    against: flags.baseline === false ? [] : flags.against,
    beside: { sigma: flags.baselineSigma },
    origins: flags.origins,
  };
}
