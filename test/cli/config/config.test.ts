/** Config files, the environment and the command line: which wins, what is refused, and that the schema is not a second truth. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { findConfigFile, readConfigFile } from '../../../src/cli/config/config-file.ts';
import { SECTIONS, SHARED } from '../../../src/cli/config/configurable.ts';
import { effectiveSettings } from '../../../src/cli/config/effective-settings.ts';
import { readEnvironment } from '../../../src/cli/config/environment-settings.ts';
import { configSchema, valueSchema } from '../../../src/cli/config/schema.ts';
import { optionSources } from '../../../src/cli/config/sources.ts';
import { SplitzError } from '../../../src/ground/errors.ts';
import { violation } from '../../../src/ground/json-schema.ts';
import { parseResults, start } from '../command-line.ts';
import { writeModel } from '../glyph-network.ts';

const published = new URL('../../../dist/cli/config/splitz.config.schema.json', import.meta.url);

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'splitz-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(text: string, name = 'a.yaml'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function refusal(work: () => unknown): { what: string; where?: string; why?: string; remedy?: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof SplitzError) return error.report;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('the schema', () => {
  it('is published as the options make it', () => {
    expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual(JSON.parse(JSON.stringify(configSchema())));
  });

  it('has every option of every section, and the shared ones at the top', () => {
    const properties = configSchema().properties ?? {};
    expect(Object.keys(properties)).toEqual(['$schema', ...SHARED.keys(), ...SECTIONS.keys()]);
    for (const [name, { options }] of SECTIONS)
      expect(Object.keys(properties[name]?.properties ?? {})).toEqual([...options.keys()]);
  });

  it('does not let a file replace or drop files', () => {
    for (const { options } of SECTIONS.values())
      for (const name of ['force', 'restart', 'json']) expect(options.has(name)).toBe(false);
  });

  it('takes exactly the values that the reader takes', () => {
    const any = fc.oneof(
      fc.string(),
      fc.double({ noNaN: true }),
      fc.boolean(),
      fc.constantFrom('nchw', 'secant', 'cpu', 'test'),
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...SHARED.keys()), any, (name, value) => {
        const document = { [name]: value };
        const valid = violation(configSchema(), document) === null;
        const path = write(stringify(document), 'property.yaml');
        if (valid) expect(readConfigFile(path)).toHaveLength(1);
        else expect(() => readConfigFile(path)).toThrow(SplitzError);
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});

describe('a config file', () => {
  it.each([
    ['nothing', 'n: *b\n', 1],
    ['what it stands in', 'sigma: 1\nmean: &a [*a]\n', 2],
    ['what stands before it', 'mean: &a [0.5]\nstd: *a\n', 2],
    ['a name from above', 'certify: &a\n  *a : 1\n', 2],
  ])('may not use an alias for %s', (_, text, line) => {
    const path = write(text);
    expect(() => readConfigFile(path)).toThrow(SplitzError);
    try {
      readConfigFile(path);
    } catch (error) {
      expect((error as SplitzError).report).toMatchObject({
        what: expect.stringContaining("the alias '*"),
        where: `${path}, line ${line}`,
      });
    }
  });

  it('gives each setting with its line', () => {
    const path = write('# audit\nsigma: 0.5\ncertify:\n  n0: 50\n\n  baseline: false\n');
    expect(readConfigFile(path)).toEqual([
      { section: null, option: 'sigma', value: 0.5, where: `${path}, line 2` },
      { section: 'certify', option: 'n0', value: 50, where: `${path}, line 4` },
      { section: 'certify', option: 'baseline', value: false, where: `${path}, line 6` },
    ]);
  });

  it('may be JSON, and then is nothing else', () => {
    const path = write('{\n  "$schema": "x",\n  "sigma": 1\n}', 'a.json');
    expect(readConfigFile(path)).toEqual([
      { section: null, option: 'sigma', value: 1, where: `${path}, line 3` },
    ]);
    expect(refusal(() => readConfigFile(write('{"sigma": 1,}', 'b.json'))).what).toMatch(/not JSON/);
  });

  it('may be empty, or have an empty section', () => {
    expect(readConfigFile(write(''))).toEqual([]);
    expect(readConfigFile(write('certify:\n'))).toEqual([]);
  });

  it('takes lists, numbers and text where the command line takes text', () => {
    const path = write('mean: [0.5, 0.25]\nsplit: 3\nstd: "1,2"\ntrain:\n  lambda: 0.5\n');
    expect(readConfigFile(path).map(({ value }) => value)).toEqual(['0.5,0.25', '3', '1,2', '0.5']);
  });

  it('takes a list of methods to run beside another, and no method that there is not', () => {
    const path = write('method: splitz\ncertify:\n  against: [smoothing]\n');
    expect(readConfigFile(path).map(({ value }) => value)).toEqual(['splitz', ['smoothing']]);
    const unknown = write('certify:\n  against: [smooth]\n');
    expect(refusal(() => readConfigFile(unknown)).why).toMatch(/none of splitz, smoothing/);
    expect(readEnvironment({ SPLITZ_CERTIFY_AGAINST: 'smoothing,splitz' })).toEqual([
      {
        ...{ section: 'certify', option: 'against', value: ['smoothing', 'splitz'] },
        where: 'SPLITZ_CERTIFY_AGAINST',
      },
    ]);
  });

  it.each([
    ['an unknown key, with the nearest', 'sigm: 1\n', /'sigm'/, /line 1/, /'sigma'/],
    ['one in a section', 'certify:\n  n00: 1\n', /'n00'.*certify/, /line 2/, /'n0'/],
    ['one that belongs to a section', 'n: 5\nn0: 1\n', /'n0'/, /line 2/, /below 'certify:'/],
    ['a value of another type', 'n: 5\nsigma: "0.5"\n', /sigma cannot be "0.5"/, /line 2/, /./],
    ['a value that is not a choice', 'lipschitz: sekant\n', /lipschitz cannot be/, /line 1/, /./],
    ['a number that is none', 'sigma: .nan\n', /sigma cannot be/, /line 1/, /./],
    ['a key given twice', 'sigma: 1\nn: 5\nsigma: 2\n', /cannot be read/, /line 3/, /./],
    ['text that is not YAML', 'sigma: [1\n', /cannot be read/, /line/, /./],
    ['a list in place of settings', '- 1\n', /not a list of settings/, /line 1/, /./],
    ['a value in place of a section', 'certify: 5\n', /'certify' is not/, /line 1/, /./],
  ])('is refused for %s', (_, text, what, where, remedy) => {
    const report = refusal(() => readConfigFile(write(text)));
    expect(report.what).toMatch(what);
    expect(report.where).toMatch(where);
    expect(report.remedy).toMatch(remedy);
  });

  it('is refused when it is not there, and when there are two', () => {
    expect(refusal(() => readConfigFile(join(folder, 'absent.yaml'))).why).toMatch(/ENOENT/);
    const two = mkdtempSync(join(folder, 'two-'));
    expect(findConfigFile(two)).toBeNull();
    writeFileSync(join(two, 'splitz.config.yaml'), '');
    expect(findConfigFile(two)).toBe(join(two, 'splitz.config.yaml'));
    writeFileSync(join(two, 'splitz.config.json'), '{}');
    expect(refusal(() => findConfigFile(two)).why).toBe('splitz.config.yaml and splitz.config.json');
  });
});

describe('the environment', () => {
  it('sets what all commands share, or one command has', () => {
    const env = {
      SPLITZ_SIGMA: '0.5',
      SPLITZ_CERTIFY_BASELINE_SIGMA: '1',
      SPLITZ_PREDICT_INDEX: '1,2',
      HOME: 'x',
    };
    expect(readEnvironment(env)).toEqual([
      { section: null, option: 'sigma', value: 0.5, where: 'SPLITZ_SIGMA' },
      { section: 'certify', option: 'baseline-sigma', value: 1, where: 'SPLITZ_CERTIFY_BASELINE_SIGMA' },
      { section: 'predict', option: 'index', value: [1, 2], where: 'SPLITZ_PREDICT_INDEX' },
    ]);
  });

  it('is refused for a variable that names no setting, and for a value that cannot be one', () => {
    expect(refusal(() => readEnvironment({ SPLITZ_SIGM: '1' })).remedy).toMatch(/SPLITZ_SIGMA/);
    expect(refusal(() => readEnvironment({ SPLITZ_N: 'many' })).where).toBe('SPLITZ_N');
    expect(refusal(() => readEnvironment({ SPLITZ_FORCE_EVAL: 'perhaps' })).where).toBe('SPLITZ_FORCE_EVAL');
    expect(refusal(() => readEnvironment({ SPLITZ_SIGMA: '' })).where).toBe('SPLITZ_SIGMA');
  });
});

describe('precedence', () => {
  const sourcesOf = (text: string, env: NodeJS.ProcessEnv, ...args: string[]) =>
    optionSources([...args, '--config', write(text)], env, folder);

  it('is command line, environment, file; and within one of them the section of the command', () => {
    const file = 'sigma: 1\nn: 100\nalpha: 0.1\nseed: 1\ncertify:\n  sigma: 2\n';
    const { outside, origins } = sourcesOf(
      file,
      { SPLITZ_N: '200', SPLITZ_ALPHA: '0.2' },
      ...['certify', 'm.onnx', '--alpha', '0.3', '--no-baseline'],
    );
    expect(outside.get('sigma')?.value).toBe(2);
    expect(outside.get('n')).toEqual({ value: 200, origin: 'environment', where: 'SPLITZ_N' });
    expect(Object.fromEntries(origins)).toEqual({
      sigma: 'config file',
      n: 'environment',
      alpha: 'flag',
      seed: 'config file',
      baseline: 'flag',
    });
  });

  it('environment of all commands beats the section of a file', () => {
    const { outside } = sourcesOf('certify:\n  sigma: 2\n', { SPLITZ_SIGMA: '3' }, 'certify', 'm.onnx');
    expect(outside.get('sigma')?.value).toBe(3);
  });

  it('train takes model and data from the top, not the noise of certify', () => {
    const file = 'sigma: 1\nbatch: 8\nmean: [0.5]\ntrain:\n  epochs: 3\n';
    const { outside } = sourcesOf(file, {}, 'train', 'm.onnx');
    expect([...outside.keys()]).toEqual(['mean', 'epochs']);
  });

  it('attack takes the top and its section, report its section only', () => {
    const file =
      'sigma: 1\ndata: glyphs\nattack:\n  restarts: 5\nreport:\n  latex: true\n  title: An audit\n';
    const taken = (...args: string[]) =>
      Object.fromEntries([...sourcesOf(file, {}, ...args).outside].map(([name, { value }]) => [name, value]));
    expect(taken('attack', 'run.jsonl')).toEqual({ sigma: 1, data: 'glyphs', restarts: 5 });
    expect(taken('report', 'run.jsonl')).toEqual({ latex: true, title: 'An audit' });
    expect(sourcesOf(file, {}, 'report', 'a.jsonl', 'b.jsonl', '--no-latex').origins.get('latex')).toBe(
      'flag',
    );
  });

  it('a flag is seen in each of its spellings', () => {
    const flags = (...args: string[]) => [...sourcesOf('', {}, ...args).origins.keys()];
    expect(flags('certify', 'm', '--baselineSigma', '1')).toEqual(['baseline-sigma']);
    expect(flags('certify', 'm', '--baseline-sigma=1')).toEqual(['baseline-sigma']);
    expect(flags('train', 'm', '--lr', '1e-3')).toEqual(['learning-rate']);
    expect(flags('certify', 'm', '--out', '-')).toEqual(['out']);
    expect(flags('predict', '--index', '1', '2', '--', 'm')).toEqual(['index']);
  });

  it('other commands take nothing, and --no-config reads no file', () => {
    writeFileSync(join(folder, 'splitz.config.yaml'), 'sigma: 1\n');
    expect(optionSources(['doctor'], {}, folder).file).toBeNull();
    expect(optionSources(['certify', 'm', '--no-config'], {}, folder).outside.size).toBe(0);
    expect(optionSources(['certify', 'm'], {}, folder).outside.size).toBe(1);
    const other = write('sigma: 2\n', 'other.yaml');
    const named = optionSources(['certify', 'm'], { SPLITZ_CONFIG: other }, folder);
    expect(named.outside.get('sigma')?.value).toBe(2);
  });

  it('every section option has a schema', () => {
    for (const { options } of SECTIONS.values())
      for (const [name, spec] of options) expect(valueSchema(name, spec).description).toBeTruthy();
  });
});

describe('the settings shown', () => {
  const shown = (text: string, ...args: string[]) => {
    const sources = optionSources(['certify', 'm', ...args, '--config', write(text)], {}, folder);
    const values = [...sources.outside].map(([name, { value }]) => [name, value]);
    const table = SECTIONS.get('certify')?.options ?? new Map();
    const flags = { ...Object.fromEntries(values), origins: sources.origins };
    const settings = effectiveSettings(sources, table, flags, null);
    return (name: string) => settings.find((setting) => setting.name === name);
  };

  it('are those of the method, and say which ones it does not use', () => {
    const of = shown('method: smoothing\nn: 500\nsplit: conv1\n');
    expect(of('method')).toMatchObject({ value: 'smoothing', origin: 'config file' });
    expect(of('n')).toMatchObject({ value: 500, origin: 'config file' });
    expect(of('sigma')).toMatchObject({ value: 0.25, origin: 'default' });
    expect(of('split')).toMatchObject({ value: null, origin: 'not used by smoothing' });
    // A setting of its own that was not given.
    expect(of('until')).toMatchObject({ value: null, origin: 'not set' });
    expect(of('lambda')).toMatchObject({ origin: 'not used by smoothing' });
  });

  it('are in words where they follow from the model', () => {
    const of = shown('split: conv1\n');
    expect(of('method')).toMatchObject({ value: 'splitz', origin: 'default' });
    expect(of('sigma')).toMatchObject({ value: '0.25 × bound of the left half', origin: 'derived' });
    expect(of('baseline-sigma')).toMatchObject({ value: 'sigma / bound of the left half' });
  });
});

describe('the command line', () => {
  it('runs with the file and the environment, and records where each value came from', async () => {
    const work = mkdtempSync(join(folder, 'run-'));
    const model = writeModel(work, 'tiny.onnx');
    writeFileSync(
      join(work, 'splitz.config.yaml'),
      'data: glyphs\nsigma: 0.5\nn: 50\ncertify:\n  max: 1\n  baseline: false\n',
    );
    const args = ['certify', model, '--out', '-', '--n0', '10'];
    const { code, stdout, stderr } = await start(work, args, { SPLITZ_N: '60' }).ended;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(/^config splitz\.config\.yaml$/m);
    const { header, records } = parseResults(stdout);
    expect(records).toHaveLength(1);
    expect(header.series).toHaveLength(1);
    expect(header.series[0]?.settings).toMatchObject({
      sigma: { value: 0.5, origin: 'config file' },
      n: { value: 60, origin: 'environment' },
      n0: { value: 10, origin: 'flag' },
      alpha: { value: 0.001, origin: 'default' },
    });
    expect(header.selection.max).toEqual({ value: 1, origin: 'config file' });
    const shown = await start(work, ['config', 'show', 'certify', model, '--json'], { SPLITZ_N: '60' }).ended;
    const { settings } = JSON.parse(shown.stdout) as { settings: { name: string; where: string | null }[] };
    const of = (name: string) => settings.find((setting) => setting.name === name);
    expect(of('sigma')).toEqual({
      name: 'sigma',
      value: 0.5,
      origin: 'config file',
      where: 'splitz.config.yaml, line 2',
    });
    expect(of('n')).toMatchObject({ value: 60, where: 'SPLITZ_N' });
    expect(of('alpha')).toMatchObject({ value: 0.001, origin: 'default', where: null });
    writeFileSync(join(work, 'splitz.config.yaml'), 'sigmas: 0.5\n');
    const refused = await start(work, args).ended;
    expect(refused.code).toBe(4);
    expect(refused.stderr).toMatch(/splitz\.config\.yaml, line 1/);
  });
});
