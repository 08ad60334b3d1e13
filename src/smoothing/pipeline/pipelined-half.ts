/** A right half as the thread of a pipeline's session runs it. */
export interface PipelinedModel {
  /**
   * ONNX model bytes. Inputs, in this order: the parts of the batch, float32 [rows, ...latentDims] each; weights, float32
   * [batch, 1], 1 for a row that is counted and 0 for one that is not. Outputs: logits, float32 [batch, classes]; the votes of the
   * counted rows, int32 [classes + 1], the last for rows with a logit that is not finite.
   */
  readonly model: Uint8Array;
  /** The counting alone: logits and weights to votes. */
  readonly counting: Uint8Array;
}

export interface PipelinedHalf extends PipelinedModel {
  /** Inputs that the batch comes in. */
  readonly parts: number;
}
