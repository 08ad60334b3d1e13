/** One count, or several that share their noise, in the thread of a session: parts come in, in any order; a batch is run when all its parts are there. */
import { ControlWord, type Counted, type RowComparison } from '../sampling-protocol.ts';
import { type BatchTally, batchTally } from './batch-tally.ts';
import { partsDrawn, rowsOfPart, samplesOf } from './layout.ts';
import type { FilledPart, TallyRequest } from './pipeline-protocol.ts';
import type { SessionHalf } from './session-half.ts';

/** A part, and the way back for its memory. */
export interface ArrivedPart extends FilledPart {
  giveBack(): void;
}

export interface Job {
  /** What the count came to around each centre: all of its samples here, or what was run when it was abandoned or stopped. */
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
/** Rows of the first batch around a centre that are also run alone: what mixes rows shows in any of them. */
const ROWS_COMPARED = 16;

export function openJob(request: TallyRequest, { half, inTurn, onProgress }: JobSettings): Job {
  const { layout, classes } = half;
  const { total, centres, sessions, continued } = request;
  const own = samplesOf(layout, request);
  const control = new Int32Array(request.control);
  const tallies = Array.from({ length: centres }, () => batchTally(request.tally, classes));
  /** By batch and centre. */
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
  const finish = (): void =>
    end(() => settle.resolve({ tallied: tallies.map((tally) => tally.result()), rows }));

  /** The rows of one batch: of the first around a centre here also the logits, and some of its rows alone. */
  async function run(b: number, arrived: readonly ArrivedPart[], tally: BatchTally): Promise<void> {
    const drawn = arrived.reduce((sum, part) => sum + part.drawn, 0);
    const parts: Float32Array[] = [];
    for (const { q, buffer } of arrived) parts[q % layout.parts] = new Float32Array(buffer);
    const compared = b < sessions && layout.batch > 1 && !continued;
    const ran = await half.run(parts, drawn, { votes: tally.votes, logits: compared || !tally.votes });
    const [first] = parts;
    if (compared && ran.logits !== null && first !== undefined) {
      const count = Math.min(rowsOfPart(layout, 0), drawn, ROWS_COMPARED);
      rows.push({ together: ran.logits.slice(0, count * classes), alone: await half.alone(first, count) });
    }
    tally.add(ran, drawn);
    done += drawn;
  }

  async function take(b: number, arrived: readonly ArrivedPart[], tally: BatchTally): Promise<void> {
    try {
      if (!ended && Atomics.load(control, ControlWord.stop) === 0) await run(b, arrived, tally);
    } catch (error) {
      end(() => settle.reject(error));
    } finally {
      for (const part of arrived) part.giveBack();
    }
    if (done === own) finish();
    else if (performance.now() - reported > PROGRESS_EVERY_MS) {
      reported = performance.now();
      onProgress(done);
    }
  }

  if (own === 0) finish();
  return {
    counted,
    arrive(part) {
      const tally = tallies[part.centre];
      if (ended || tally === undefined) return part.giveBack();
      const b = Math.floor(part.q / layout.parts);
      const key = b * centres + part.centre;
      const parts = [...(waiting.get(key) ?? []), part];
      if (parts.length < partsDrawn(layout, b, total)) {
        waiting.set(key, parts);
        return;
      }
      waiting.delete(key);
      void inTurn(() => take(b, parts, tally));
    },
    abandon: finish,
  };
}
