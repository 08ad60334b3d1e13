import { describe, expect, test } from 'vitest';
import { colourStyle, plainStyle, screenOf, wantsColour } from '../../../src/cli/terminal/style.ts';
import { renderTable } from '../../../src/cli/terminal/table.ts';
import { displayWidth, pad, shorten, wrap } from '../../../src/ground/text-width.ts';
import { visible } from '../../../src/ground/visible.ts';

describe('colour', () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [false, { FORCE_COLOR: '1' }, true],
    [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { TERM: 'dumb' }, false],
  ])('on a terminal: %s, with %j: %s', (isTTY, env, colour) => {
    expect(wantsColour(isTTY, env)).toBe(colour);
  });

  test('the coloured style colours whatever the process writes to, the plain one never does', () => {
    expect(colourStyle.red('x')).toBe('\u001b[31mx\u001b[39m');
    expect(plainStyle.red('x')).toBe('x');
  });

  test('a stream without columns is 80 wide', () => {
    expect(screenOf({}, {}).columns).toBe(80);
    expect(screenOf({ columns: 0, isTTY: true }, {}).columns).toBe(80);
    expect(screenOf({ columns: 120 }, {}).columns).toBe(120);
  });
});

describe('widths', () => {
  test('count cells: colours none, wide characters two, combining marks none', () => {
    expect(displayWidth('σ=0.5')).toBe(5);
    expect(displayWidth(colourStyle.bold('abc'))).toBe(3);
    expect(displayWidth('模型')).toBe(4);
    expect(displayWidth('e\u0301')).toBe(1);
    expect(displayWidth('👩‍🔬')).toBe(2);
    expect(displayWidth('⠒█━')).toBe(3);
  });

  test('padding and shortening reach the width asked', () => {
    expect(pad('模', 4)).toBe('模  ');
    expect(pad('7', 3, 'right')).toBe('  7');
    expect(shorten('features.3.conv', 8)).toBe('feature…');
    expect(shorten('模型模型', 4)).toBe('模…');
    expect(shorten('ab', 2)).toBe('ab');
  });

  test('wrapping breaks at spaces and never loses a word', () => {
    expect(wrap('one two three', 7)).toBe('one two\nthree');
    expect(wrap('a verylongword b', 4)).toBe('a\nverylongword\nb');
  });

  test('control characters of a model file are shown, not obeyed', () => {
    expect(visible('a\u001b[31m\u202eb\u0007')).toBe('a\\u001b[31m\\u202eb\\u0007');
    expect(visible('σ 模\n')).toBe('σ 模\\u000a');
  });
});

test('a table aligns cells of any width and script, and fills short rows', () => {
  const table = renderTable(
    [{ header: 'name' }, { header: 'norm', align: 'right' }, { header: 'note' }],
    [
      ['模型', colourStyle.red('1.25'), 'ok'],
      ['conv1', '10.5'],
    ],
    plainStyle,
  );
  expect(table).toBe(`name   norm  note\n模型   ${colourStyle.red('1.25')}  ok\nconv1  10.5\n`);
});
