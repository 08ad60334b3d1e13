/** One count in the thread of the session: parts come in, in any order; a batch is run when all its parts are there. */
import { ControlWord, type Counted, type RowComparison } from '../sampling-protocol.ts';
import { batchTally } from './batch-tally.ts';
import { partsDrawn, rowsOfPart } from './layout.ts';
import type { FilledPart, TallyRequest } from './pipeline-protocol.ts';
import type { SessionHalf } from './session-half.ts';

/** A part, and the way back for its memory. */
export interface ArrivedPart extends FilledPart {
  giveBack(): void;
}

export interface Job {
  /** What the count came to: all of its samples, or what was run when it was abandoned or stopped. */
  readonly counted: Promise<Counted>;
  arrive(part: ArrivedPart): void;
  /** Nothing more will arrive. */
  abandon(): void;
}

interface JobSettings {
  readonly half: SessionHalf;
  /** Runs the batches of all jobs one after the other. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
  /** Hears how many samples are done, a few times a second. */
  readonly onProgress: (done: number) => void;
}

const PROGRESS_EVERY_MS = 100;
/** Rows of the first batch of a count that are also run alone: what mixes rows shows in any of them. */
const ROWS_COMPARED = 16;

export function openJob(request: TallyRequest, { half, inTurn, onProgress }: JobSettings): Job {
  const { layout, classes } = half;
  const { total, continued } = request;
  const control = new Int32Array(request.control);
  const tally = batchTally(request.tally, classes);
  const waiting = new Map<number, ArrivedPart[]>();
  const rows: RowComparison[] = [];
  let done = 0;
  let reported = performance.now();
  let ended = false;
  let settle: { resolve(counted: Counted): void; reject(error: unknown): void };
  const counted = new Promise<Counted>((resolve, reject) => {
    settle = { resolve, reject };
  });

  function end(settled: () => void): void {
    if (ended) return;
    ended = true;
    for (const parts of waiting.values()) for (const part of parts) part.giveBack();
    waiting.clear();
    settled();
  }
  const finish = (): void => end(() => settle.resolve({ tallied: [tally.result()], rows }));

  /** The rows of one batch: of the first also the logits, and some of its rows alone. */
  async function run(b: number, arrived: readonly ArrivedPart[]): Promise<void> {
    const drawn = arrived.reduce((sum, part) => sum + part.drawn, 0);
    const parts: Float32Array[] = [];
    for (const { q, buffer } of arrived) parts[q % layout.parts] = new Float32Array(buffer);
    const compared = b === 0 && layout.batch > 1 && !continued;
    const ran = await half.run(parts, drawn, { votes: tally.votes, logits: compared || !tally.votes });
    const [first] = parts;
    if (compared && ran.logits !== null && first !== undefined) {
      const count = Math.min(rowsOfPart(layout, 0), drawn, ROWS_COMPARED);
      rows.push({ together: ran.logits.slice(0, count * classes), alone: await half.alone(first, count) });
    }
    tally.add(ran, drawn);
    done += drawn;
  }

  async function take(b: number, arrived: readonly ArrivedPart[]): Promise<void> {
    try {
      if (!ended && Atomics.load(control, ControlWord.stop) === 0) await run(b, arrived);
    } catch (error) {
      end(() => settle.reject(error));
    } finally {
      for (const part of arrived) part.giveBack();
    }
    if (done === total) finish();
    else if (performance.now() - reported > PROGRESS_EVERY_MS) {
      reported = performance.now();
      onProgress(done);
    }
  }

  if (total === 0) finish();
  return {
    counted,
    arrive(part) {
      if (ended) return part.giveBack();
      const b = Math.floor(part.q / layout.parts);
      const parts = [...(waiting.get(b) ?? []), part];
      if (parts.length < partsDrawn(layout, b, total)) {
        waiting.set(b, parts);
        return;
      }
      waiting.delete(b);
      void inTurn(() => take(b, parts));
    },
    abandon: finish,
  };
}
