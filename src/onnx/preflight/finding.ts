/**
 * A finding: something about a model file that anyone who certifies it should know, with a stable id. Ids are never
 * reused; scripts and suppressions rely on them.
 */

/** error: the model is refused as it is; warning: it can be certified, but read this; note: reported for the record. */
export type Severity = 'error' | 'warning' | 'note';

export interface Finding {
  /** "SPLITZ002". */
  readonly id: string;
  readonly severity: Severity;
  /** The node, tensor or part of the file; the file's name when it is about all of it. */
  readonly where: string;
  /** What was found, in one sentence. */
  readonly what: string;
  /** Why it matters. */
  readonly why: string;
  /** What to do. */
  readonly remedy: string;
}

/** What a check reports: where and what; a severity of its own where it depends on the case. */
export interface Occurrence {
  readonly where: string;
  readonly what: string;
  readonly severity?: Severity;
  readonly why?: string;
  readonly remedy?: string;
}

/** A check, or a rule for a finding that is made elsewhere (a refusal). */
export interface Rule {
  readonly id: string;
  /** Short name, as SARIF shows it: "training-mode". */
  readonly name: string;
  readonly severity: Severity;
  /** One line: what the rule is about. */
  readonly title: string;
  readonly why: string;
  readonly remedy: string;
}

export function findingOf(rule: Rule, { where, what, severity, why, remedy }: Occurrence): Finding {
  return {
    id: rule.id,
    severity: severity ?? rule.severity,
    where,
    what,
    why: why ?? rule.why,
    remedy: remedy ?? rule.remedy,
  };
}

const order: readonly Severity[] = ['error', 'warning', 'note'];

/** Errors first, then by id. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  return [...findings].sort(
    (a, b) =>
      order.indexOf(a.severity) - order.indexOf(b.severity) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
}

export { listed } from '../../ground/listed.ts';
