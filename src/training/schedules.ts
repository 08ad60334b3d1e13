/**
 * Schedules of a run: learning rate, λ, radius and threshold as functions of the epoch. Written compactly on the command
 * line; a span is a share of the run ("60%") or a number of epochs ("400"):
 *
 *   A                    constant
 *   A:B[@SPAN]           straight from A to B over the span (default: the whole run), B after it
 *   step:A,FACTOR,EVERY  A, times FACTOR after every EVERY epochs
 *   exp:A,B[,SPAN]       A for the span (default 50%), then geometrically to B at the end
 *   cosine:A[:B][,SPAN]  from 0 straight to A over the span (warm-up, default none), then half a cosine from A to B
 *                        (default 0) at the end
 *
 * In these words the SPLITZ code's λ, as in the paper, is 0.8:0.4, and its rate over 600 epochs exp:1e-3,1e-6,325; the
 * paper's own rate is step:1e-3,0.1,50.
 */
import { UsageError } from '../ground/errors.ts';

export interface Schedule {
  /** The text it was read from. */
  readonly text: string;
  /**
   * Its value after `epoch` of `epochs` epochs: a real number from 0 to `epochs`, so that a schedule may move within an
   * epoch. Before the start and past the end it is what it is there.
   */
  at(epoch: number, epochs: number): number;
  /** For people: "0.8 to 0.4 over 60% of the run". */
  describe(): string;
}

/** Where a schedule is used, and what its values may be. */
export interface ScheduleUse {
  /** The option it is given by: "--rate". */
  readonly option: string;
  readonly least: number;
  readonly most: number;
}

const SYNTAX =
  'Write A, A:B, A:B@SPAN, step:A,FACTOR,EVERY, exp:A,B,SPAN or cosine:A:B,WARMUP; a span is a share of the run (60%) or a number of epochs (400). For example 0.8:0.4@60%.';

/**
 * @throws UsageError when the text is not a schedule or a value of it is outside [least, most]
 */
export function parseSchedule(text: string, use: ScheduleUse): Schedule {
  const written = text.trim();
  const curve = new ScheduleReader(written, use).schedule();
  return {
    text: written,
    at: (epoch, epochs) => curve.at(Math.min(Math.max(epoch, 0), epochs), epochs),
    describe: curve.describe,
  };
}

/** A part of the run. */
interface Span {
  readonly epochs: (total: number) => number;
  readonly text: string;
}

type Curve = Omit<Schedule, 'text'>;

class ScheduleReader {
  readonly #text: string;
  readonly #use: ScheduleUse;

  constructor(text: string, use: ScheduleUse) {
    this.#text = text;
    this.#use = use;
  }

  schedule(): Curve {
    const named = /^(step|exp|cosine):(.*)$/s.exec(this.#text);
    const parts = (named?.[2] ?? '').split(',');
    switch (named?.[1]) {
      case 'step':
        return this.#step(parts);
      case 'exp':
        return this.#exponential(parts);
      case 'cosine':
        return this.#cosine(parts);
      default:
        return this.#straight();
    }
  }

  #straight(): Curve {
    const [range = '', span, ...more] = this.#text.split('@');
    const [from, to] = this.#range(range);
    if (more.length > 0 || (to === null && span !== undefined)) throw this.#refusal();
    if (to === null) return { at: () => from, describe: () => `${from}` };
    const ramp = this.#span(span, '100%');
    return {
      at: (epoch, epochs) => between(from, to, share(epoch, ramp.epochs(epochs))),
      describe: () => `${from} to ${to} over ${ramp.text}`,
    };
  }

  #step(parts: readonly string[]): Curve {
    if (parts.length !== 3) throw this.#refusal();
    const start = this.#value(parts[0]);
    const factor = this.#number(parts[1]);
    const every = this.#number(parts[2]);
    if (!(factor > 0 && factor <= 1)) throw this.#refusal(`the factor ${factor} is not in (0,1]`);
    if (!(every > 0)) throw this.#refusal(`${every} epochs are not a period`);
    return {
      at: (epoch) => Math.max(start * factor ** Math.floor(epoch / every), this.#use.least),
      describe: () => `${start}, times ${factor} every ${plural(every)}`,
    };
  }

  #exponential(parts: readonly string[]): Curve {
    if (parts.length < 2 || parts.length > 3) throw this.#refusal();
    const from = this.#value(parts[0]);
    const to = this.#value(parts[1]);
    if (!(from > 0 && to > 0)) throw this.#refusal('a geometric schedule needs values above 0');
    const hold = this.#span(parts[2], '50%');
    return {
      at: (epoch, epochs) => {
        const held = hold.epochs(epochs);
        return epoch <= held ? from : from * (to / from) ** share(epoch - held, epochs - held);
      },
      describe: () => `${from} for ${hold.text}, then geometrically to ${to}`,
    };
  }

  #cosine(parts: readonly string[]): Curve {
    if (parts.length > 2) throw this.#refusal();
    const [from, to] = this.#range(parts[0] ?? '');
    const end = to ?? Math.max(0, this.#use.least);
    const warmUp = this.#span(parts[1], '0%');
    const first = Math.max(0, this.#use.least);
    return {
      at: (epoch, epochs) => {
        const warm = warmUp.epochs(epochs);
        if (epoch <= warm) return between(first, from, share(epoch, warm));
        return between(from, end, (1 - Math.cos(Math.PI * share(epoch - warm, epochs - warm))) / 2);
      },
      describe: () =>
        `${parts[1] === undefined ? '' : `${first} to ${from} over ${warmUp.text}, then `}${from} to ${end} along a cosine`,
    };
  }

  /** "A" or "A:B". */
  #range(text: string): [number, number | null] {
    const [from, to, ...more] = text.split(':');
    if (more.length > 0) throw this.#refusal();
    return [this.#value(from), to === undefined ? null : this.#value(to)];
  }

  #span(text: string | undefined, otherwise: string): Span {
    const written = (text ?? otherwise).trim();
    const isShare = written.endsWith('%');
    const amount = this.#number(isShare ? written.slice(0, -1) : written);
    if (!(amount >= 0 && (!isShare || amount <= 100)))
      throw this.#refusal(`"${written}" is not part of a run`);
    if (!isShare) return { epochs: () => amount, text: plural(amount) };
    return {
      epochs: (total) => (amount / 100) * total,
      text: amount === 100 ? 'the run' : `${amount}% of the run`,
    };
  }

  /** A number the schedule takes. */
  #value(text: string | undefined): number {
    const { least, most } = this.#use;
    const value = this.#number(text);
    if (value >= least && value <= most) return value;
    throw this.#refusal(
      `${value} is not ${most === Number.POSITIVE_INFINITY ? `at least ${least}` : `in [${least}, ${most}]`}`,
    );
  }

  #number(text: string | undefined): number {
    const trimmed = text?.trim() ?? '';
    const number = trimmed === '' ? Number.NaN : Number(trimmed);
    if (!Number.isFinite(number)) throw this.#refusal(`"${trimmed}" is not a number`);
    return number;
  }

  #refusal(why?: string): UsageError {
    return new UsageError({
      what: `"${this.#text}" is not a schedule`,
      where: this.#use.option,
      ...(why === undefined ? {} : { why }),
      remedy: SYNTAX,
    });
  }
}

function plural(epochs: number): string {
  return epochs === 1 ? '1 epoch' : `${epochs} epochs`;
}

/** How much of a span has passed, in [0,1]; a span of no length has passed. */
function share(passed: number, span: number): number {
  return span > 0 ? Math.min(passed / span, 1) : 1;
}

/** Exact at both ends. */
function between(from: number, to: number, part: number): number {
  return from * (1 - part) + to * part;
}
