/**
 * The losses by name, and their settings as text: "consistency:draws=2,lambda=5,eta=0.5". What the text omits has its
 * default; every loss can be used with every regulariser and split.
 */
import { UsageError } from '../../ground/errors.ts';
import { type ConsistencySettings, consistencyLoss } from './consistency.ts';
import { type GaussianSettings, gaussianLoss } from './gaussian.ts';
import type { SmoothingLoss } from './loss.ts';
import { LARGEST_MARGIN, type MacerSettings, macerLoss } from './macer.ts';
import { MARGIN_LOSSES } from './margin.ts';
import { type SmoothMixSettings, smoothMixLoss } from './smoothmix.ts';

/** Plain JSON; `kind` tells them apart. */
export type LossSettings = GaussianSettings | ConsistencySettings | SmoothMixSettings | MacerSettings;
type Kind = LossSettings['kind'];

/** Defaults: those of the papers for MNIST at σ = 0.5. */
const DEFAULTS: { readonly [K in Kind]: Extract<LossSettings, { kind: K }> } = {
  gaussian: { kind: 'gaussian', draws: 1 },
  consistency: { kind: 'consistency', draws: 2, lambda: 5, eta: 0.5 },
  smoothmix: { kind: 'smoothmix', draws: 4, steps: 4, alpha: 1, eta: 5 },
  macer: { kind: 'macer', draws: 16, lambda: 16, gamma: 8, beta: 16 },
};

export const lossNames: readonly string[] = Object.keys(DEFAULTS);

interface Allowed {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

const WEIGHT: Allowed = { least: 0, most: Number.MAX_VALUE, whole: false };

/** What a setting may be. */
function allowed(kind: Kind, key: string): Allowed {
  if (key === 'draws') return { least: kind === 'consistency' ? 2 : 1, most: 1024, whole: true };
  if (key === 'steps') return { least: 1, most: 1000, whole: true };
  if (key === 'gamma') return { ...WEIGHT, most: LARGEST_MARGIN };
  return WEIGHT;
}

function isKind(name: string): name is Kind {
  return Object.hasOwn(DEFAULTS, name);
}

/**
 * Settings from "NAME" or "NAME:KEY=NUMBER,…".
 * @throws UsageError for an unknown loss or setting, or a number out of range
 */
export function parseLoss(text: string): LossSettings {
  const [name, rest] = split(text, ':');
  if (!isKind(name)) {
    throw refusal(
      text,
      `there is no loss "${name}"`,
      `Use one of: ${lossNames.join(', ')}; without noise ${MARGIN_LOSSES.join(' or ')}.`,
    );
  }
  const numbers: { [key: string]: number } = {};
  for (const item of rest === '' ? [] : rest.split(',')) {
    const [key, value] = split(item, '=');
    if (Object.hasOwn(numbers, key)) throw refusal(text, `${key} is given twice`, 'Give it once.');
    numbers[key] = settingValue(text, name, key, value.trim());
  }
  return { ...DEFAULTS[name], ...numbers };
}

/** The text up to the first separator and what follows it. */
function split(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text.trim(), ''] : [text.slice(0, at).trim(), text.slice(at + 1)];
}

function settingValue(text: string, kind: Kind, key: string, value: string): number {
  const keys = settingNames(kind);
  if (!keys.includes(key)) {
    throw refusal(text, `${kind} has no setting "${key}"`, `Use its settings: ${keys.join(', ')}.`);
  }
  const { least, most, whole } = allowed(kind, key);
  const number = value === '' ? Number.NaN : Number(value);
  if (number >= least && number <= most && (!whole || Number.isInteger(number))) return number;
  const bounds = most === Number.MAX_VALUE ? `of at least ${least}` : `from ${least} to ${most}`;
  throw refusal(
    text,
    `${key} is "${value}"`,
    `Give a ${whole ? 'whole number' : 'number'} ${bounds}, for example ${describeLoss(DEFAULTS[kind])}.`,
  );
}

function refusal(text: string, why: string, remedy: string): UsageError {
  return new UsageError({ what: `the loss "${text}" cannot be used`, where: '--loss', why, remedy });
}

function settingNames(kind: Kind): string[] {
  return Object.keys(DEFAULTS[kind]).filter((key) => key !== 'kind');
}

/** The settings as the text that `parseLoss` reads, every value shown. */
export function describeLoss(settings: LossSettings): string {
  const pairs = Object.entries(settings).filter(([key]) => key !== 'kind');
  return `${settings.kind}:${pairs.map(([key, value]) => `${key}=${value}`).join(',')}`;
}

export function createLoss(settings: LossSettings): SmoothingLoss {
  switch (settings.kind) {
    case 'gaussian':
      return gaussianLoss(settings);
    case 'consistency':
      return consistencyLoss(settings);
    case 'smoothmix':
      return smoothMixLoss(settings);
    case 'macer':
      return macerLoss(settings);
  }
}
