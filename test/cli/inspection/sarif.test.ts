/** SARIF 2.1.0 by its required fields and references, and the other renderers by what they must not let through. */
import { describe, expect, it } from 'vitest';
import { renderFindings, warningLines } from '../../../src/cli/terminal/findings.ts';
import { plainStyle } from '../../../src/cli/terminal/style.ts';
import { ModelRefused } from '../../../src/ground/errors.ts';
import { type Finding, findingOf } from '../../../src/onnx/preflight/finding.ts';
import { RULES } from '../../../src/onnx/preflight/registry.ts';
import { inspectionMarkdown } from '../../../src/report/findings/markdown.ts';
import { sarifOf } from '../../../src/report/findings/sarif.ts';

const everyRule: Finding[] = RULES.map((rule) =>
  findingOf(rule, { where: `node '${rule.name}'`, what: 'a | fault' }),
);

describe('SARIF', () => {
  const log = sarifOf(everyRule, 'models/my net#1.onnx', '0.1.0');
  const [run] = log.runs;

  it('has what the standard requires of a log, a run, a tool and a rule', () => {
    expect(log.version).toBe('2.1.0');
    expect(log.$schema).toMatch(/sarif-2\.1\.0/);
    expect(log.runs).toHaveLength(1);
    expect(run?.tool.driver).toMatchObject({ name: 'splitz-onnx', version: '0.1.0' });
    for (const rule of run?.tool.driver.rules ?? []) {
      expect(rule.id).toMatch(/^SPLITZ\d{3}$/);
      expect(rule.shortDescription.text).toBeTruthy();
      expect(rule.help.text).toBeTruthy();
      expect(['error', 'warning', 'note']).toContain(rule.defaultConfiguration.level);
    }
  });

  it('has a message, a level, a location and the right rule in every result', () => {
    expect(run?.results).toHaveLength(everyRule.length);
    for (const [k, result] of (run?.results ?? []).entries()) {
      expect(run?.tool.driver.rules[result.ruleIndex]?.id).toBe(result.ruleId);
      expect(result.ruleId).toBe(everyRule[k]?.id);
      expect(result.level).toBe(everyRule[k]?.severity);
      expect(result.message.text).toContain('A | fault.');
      const [location] = result.locations;
      expect(location?.physicalLocation.artifactLocation.uri).toBe('models/my%20net%231.onnx');
      expect(location?.logicalLocations[0]?.fullyQualifiedName).toBe(everyRule[k]?.where);
    }
  });

  it('knows a finding again whatever its wording, and tells two places apart', () => {
    const prints = (findings: readonly Finding[]) =>
      sarifOf(findings, 'a.onnx', '1').runs[0]?.results.map((r) => r.partialFingerprints['splitz/v1']);
    const [first] = everyRule as [Finding];
    expect(prints([{ ...first, what: 'said otherwise' }])).toEqual(prints([first]));
    expect(prints([{ ...first, where: 'elsewhere' }])).not.toEqual(prints([first]));
  });

  it('lists only rules that are used; a model without findings gives a valid empty run', () => {
    const empty = sarifOf([], 'a.onnx', '1').runs[0];
    expect(empty?.results).toEqual([]);
    expect(empty?.tool.driver.rules).toEqual([]);
  });
});

const hostile: Finding = {
  id: 'SPLITZ010',
  severity: 'warning',
  where: 'domain x',
  what: 'a | b\n# title <img src=x> \u001b[31m',
  why: 'why',
  remedy: 'do',
};

describe('names from a model file', () => {
  it('are not markup and end no table row in Markdown', () => {
    const text = inspectionMarkdown({
      ...{ name: 'net.onnx', model: null, classifier: null, cuts: [], segments: [], local: [], alone: null },
      refusal: new ModelRefused({ what: 'refused', remedy: 'Do not use it.' }),
      findings: [hostile],
    });
    const rows = text.split('\n').filter((line) => line.includes('SPLITZ010'));
    expect(rows).toHaveLength(1);
    expect(rows[0]?.replace(/\\./g, '').split('|')).toHaveLength(8);
    expect(text).toContain('\\<img src=x\\>');
    expect(text).not.toContain('\u001b');
    expect(text).toContain('Verdict: **refused**');
  });

  it('do not reach the terminal as control characters', () => {
    const shown = renderFindings([hostile], { columns: 80, style: plainStyle });
    expect(shown).not.toContain('\u001b');
    expect(shown).toMatch(/^warning {2}SPLITZ010 {2}a \| b/m);
    expect(shown).toMatch(/^ +why: why$/m);
    expect(shown).toMatch(/^ +do: do$/m);
  });
});

describe('the warnings of certify', () => {
  it('are one line each, with what to do; notes are not among them', () => {
    const notes = warningLines([hostile, { ...hostile, severity: 'note', id: 'SPLITZ023', what: 'quiet' }]);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/^warning SPLITZ010 a \| b.*\. do$/);
  });
});
