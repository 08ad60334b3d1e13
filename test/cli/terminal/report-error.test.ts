import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../../src/cli/exit.ts';
import { errorJson, renderError } from '../../../src/cli/terminal/report-error.ts';
import { plainStyle } from '../../../src/cli/terminal/style.ts';
import { ModelRefused, ToolError, UsageError } from '../../../src/ground/errors.ts';

const refused = new ModelRefused({
  what: 'the operator LSTM cannot be bounded',
  where: 'model.onnx, node "rnn\u001b[31m"',
  why: 'no Lipschitz bound is known for it',
  remedy: 'cut earlier: the last boundable cut is conv2.relu',
  cause: new Error('inner', { cause: 'root' }),
});

describe('errors users can cause', () => {
  test('say what, where, why and what to do, without a stack', () => {
    expect(renderError(refused, plainStyle)).toMatchInlineSnapshot(`
      "error: the operator LSTM cannot be bounded
        where: model.onnx, node "rnn\\u001b[31m"
        why:   no Lipschitz bound is known for it
        do:    cut earlier: the last boundable cut is conv2.relu
      "
    `);
    expect(renderError(new UsageError({ what: 'n is 0', remedy: 'Write 1.' }), plainStyle)).toBe(
      'error: n is 0\n  do:    Write 1.\n',
    );
  });

  test('are one JSON line for programs', () => {
    expect(JSON.parse(errorJson(refused))).toEqual({
      error: {
        kind: 'ModelRefused',
        what: 'the operator LSTM cannot be bounded',
        where: 'model.onnx, node "rnn\u001b[31m"',
        why: 'no Lipschitz bound is known for it',
        do: 'cut earlier: the last boundable cut is conv2.relu',
        exitCode: 3,
      },
    });
    expect(errorJson(refused)).toMatch(/^[^\n]*\n$/u);
  });

  test('carry their code in JSON where they have one', () => {
    const coded = new UsageError({
      code: 'other-data',
      what: 'these are not the data of the result file',
      remedy: 'Name them.',
    });
    expect(JSON.parse(errorJson(coded)).error).toMatchObject({ code: 'other-data', exitCode: 4 });
    expect(JSON.parse(errorJson(refused)).error).not.toHaveProperty('code');
  });

  test('with --debug show the stack and every cause', () => {
    const text = renderError(refused, plainStyle, true);
    expect(text).toContain('report-error.test.ts');
    expect(text).toContain('caused by: Error: inner');
    expect(text).toContain("caused by: 'root'");
    expect(JSON.parse(errorJson(refused, true)).error.causes).toHaveLength(3);
  });

  test('a chain of causes that bites its tail ends', () => {
    const snake = new Error('snake');
    snake.cause = snake;
    expect(renderError(snake, plainStyle, true).match(/Error: snake/gu)).toHaveLength(2);
  });
});

describe('bugs', () => {
  test('are called internal errors and ask for --debug', () => {
    expect(renderError(new TypeError('x is undefined'), plainStyle)).toMatchInlineSnapshot(`
      "internal error: this is a bug in splitz-onnx, not in your model or data
        why:   TypeError: x is undefined
        do:    Run the same command with --debug and report what it prints.
      "
    `);
    expect(renderError('thrown text', plainStyle)).toContain('why:   thrown text');
  });
});

test('exit codes are those of the error, 2 for a bug', () => {
  expect(
    [
      refused,
      new UsageError({ what: '', remedy: '' }),
      new ToolError({ what: '', remedy: '' }),
      new Error('bug'),
      'odd',
    ].map(exitCodeOf),
  ).toEqual([3, 4, 2, 2, 2]);
});
