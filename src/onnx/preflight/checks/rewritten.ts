/** What `rewrites/simplify.ts` changed before the cuts were listed. Found by rewriting, not by looking at the file. */
import { bySeverity, type Finding, findingOf, type Rule } from '../finding.ts';

export const rewritten: Rule = {
  id: 'SPLITZ028',
  name: 'rewritten',
  severity: 'note',
  title: 'The graph was simplified before it was cut.',
  why: 'it computes the same: both were run on the same rows, and agree up to float32 rounding; digests are those of the file',
  remedy: 'Do nothing.',
};

/**
 * The findings with what was rewritten.
 * @param leftOut passes that could not be applied, and why; the model was certified without them
 */
export function withRewrites(
  findings: readonly Finding[],
  { changes, leftOut }: { readonly changes: readonly string[]; readonly leftOut: readonly string[] },
  name: string,
): readonly Finding[] {
  const told = [
    ...(changes.length === 0 ? [] : [findingOf(rewritten, { where: name, what: changes.join('; ') })]),
    ...leftOut.map((what) =>
      findingOf(rewritten, {
        where: name,
        what: `left as it is: ${what}`,
        why: 'the model is certified as it was delivered; fewer cuts may have a bound',
        remedy: 'Simplify it when exporting (onnxsim), or cut where inspect shows a bound.',
      }),
    ),
  ];
  return told.length === 0 ? findings : bySeverity([...findings, ...told]);
}
