/** What a sampling thread makes of the logits of its draws: they stay in the thread, and only the result leaves it. */
export interface Statistic<Result> {
  /**
   * Takes the first `rows` rows of a batch's logits, [rows or more, classes] flat. The order in which batches are taken, and how draws
   * are dealt to threads, may not change what the results come to together.
   */
  take(logits: Float32Array, rows: number): void;
  /** Of everything taken so far. */
  result(): Result;
}
