// The answering side of supervise.mjs: a child runs one job after the other and tells what became of each.
import { SplitzError } from '../../dist/ground/errors.js';

/**
 * A refusal in words is an outcome; any other error is a defect.
 * @param outcomeOf resolves to `{ kind }` for a job
 */
export function answerJobs(outcomeOf) {
  const judged = async (job) => {
    try {
      return await outcomeOf(job);
    } catch (error) {
      if (error instanceof SplitzError) return { kind: 'refused' };
      return {
        kind: 'defect',
        what: error instanceof Error ? (error.stack ?? error.message) : String(error),
      };
    }
  };
  process.on('message', async (job) => {
    const outcome = await judged(job);
    process.send({ index: job.index, ...outcome, peak: process.resourceUsage().maxRSS * 1024 });
  });
  process.on('disconnect', () => process.exit());
  process.send('ready');
}
