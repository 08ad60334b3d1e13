/**
 * A rewriting pass: another graph for the same function. Each is a file of its own, and none is trusted:
 * `simplify.ts` runs the rewritten model against the original before it is used.
 */
import type { Model } from '../model/model.ts';
import type { ModelProto } from '../model/proto.ts';

export interface Rewritten {
  readonly proto: ModelProto;
  /** What was changed, for the finding: "2 local functions inlined: f, g". */
  readonly what: string;
}

export interface Rewrite {
  /** As errors and findings call it: "inlining local functions". */
  readonly name: string;
  /**
   * Null when there is nothing to rewrite.
   * @throws SplitzError when the model asks for the rewrite in a way that it cannot follow; the model is then left as it is
   */
  apply(model: Model): Promise<Rewritten | null>;
}
