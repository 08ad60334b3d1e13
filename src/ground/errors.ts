/**
 * The errors users meet. Everything a user can cause is a `SplitzError` with a documented exit code; anything else is
 * our bug and is reported as such. The bottom of the house: every folder may import this file, and it imports nothing.
 */

/** Exit codes of the command line (README, "Exit codes"). */
export const ExitCode = {
  ok: 0,
  policyNotMet: 1,
  toolError: 2,
  modelRefused: 3,
  usage: 4,
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Errors that programs, ours too, tell apart: stable, where the words are not. In the JSON of an error as `code`. */
export type ErrorCode =
  /** The data are not those of the result file: another digest. */
  | 'other-data'
  /** A file of the data set is an image that cannot be decoded; other images may be fine. */
  | 'unreadable-image'
  /** The model file is not that of the result file: another digest. */
  | 'other-model'
  /** The denoiser is not that of the result file. */
  | 'other-denoiser'
  /** The model has a node or weight that training, and so a search by gradients, has no gradient of. */
  | 'no-gradient';

/** What went wrong, where, why, and what to do about it. */
export interface ErrorReport {
  /** One line naming the problem: "the model has two inputs: a, b". */
  readonly what: string;
  /** File, node, option or line the problem is in. */
  readonly where?: string;
  /** The reason it is a problem, or what the underlying system said. */
  readonly why?: string;
  /** Further lines of the reason, each about one thing. */
  readonly details?: readonly string[];
  /** What the user can do now: one or more imperative sentences, capital first letter, full stop. */
  readonly remedy: string;
  /** Id of the preflight rule (onnx/preflight) that reports this error as a finding, where it has one. */
  readonly rule?: string;
  readonly code?: ErrorCode;
  readonly cause?: unknown;
}

export class SplitzError extends Error {
  readonly report: ErrorReport;
  readonly exitCode: ExitCode;

  constructor(report: ErrorReport, exitCode: ExitCode) {
    super(report.what, report.cause === undefined ? undefined : { cause: report.cause });
    this.name = new.target.name;
    this.report = report;
    this.exitCode = exitCode;
  }
}

/** The model cannot be certified as asked: unsupported, unsound or broken (exit code 3). */
export class ModelRefused extends SplitzError {
  constructor(report: ErrorReport) {
    super(report, ExitCode.modelRefused);
  }
}

/** The command line, a setting or a data set is wrong (exit code 4). */
export class UsageError extends SplitzError {
  constructor(report: ErrorReport) {
    super(report, ExitCode.usage);
  }
}

/** The tool could not do its work: disk, provider, worker (exit code 2). */
export class ToolError extends SplitzError {
  constructor(report: ErrorReport) {
    super(report, ExitCode.toolError);
  }
}

/**
 * Something that was required to hold does not: a policy, the claims of a result file, a replayed count (exit code 1).
 */
export class DoesNotHold extends SplitzError {
  constructor(report: ErrorReport) {
    super(report, ExitCode.policyNotMet);
  }
}
