/** Names of classes from a list, a file, a label map, the model or the data; never a part of them. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { UsageError } from '../../src/ground/errors.ts';
import { classNamesFor } from '../../src/runs/class-names.ts';
import { noShared, sharedFolder, titled } from '../onnx/shared.ts';
import { tinyModel, twoLayers } from '../onnx/tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'splitz-names-'));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const plain = tinyModel(twoLayers);
const withMetadata = (names: string) => ({ ...plain, metadata: new Map([['splitz.class_names', names]]) });
const glyphs = await openDataset('glyphs', { subset: 'test' });
const unnamed = { ...glyphs, classNames: null };

const named = (flag: string | undefined, model = plain, data = unnamed as typeof glyphs, classes = 3) =>
  classNamesFor(flag, model, data, classes);

describe('class names', () => {
  it.each([
    ['a list', 'cat, dog,cow'],
    ['lines', file('lines.txt', 'cat\r\ndog\ncow\n')],
    ['a JSON list', file('list.json', '["cat", "dog", "cow"]')],
    ['a map from index to name', file('map.json', '{"2": "cow", "0": "cat", "1": "dog"}')],
    ['a map from name to index', file('reverse.json', '{"dog": 1, "cat": 0, "cow": 2}')],
    ["Keras' map", file('keras.json', '{"0": ["n1", "cat"], "1": ["n2", "dog"], "2": ["n3", "cow"]}')],
    ['a map with a byte order mark', file('bom.json', '\ufeff{"0": "cat", "1": "dog", "2": "cow"}')],
    [
      'hf-class-names: id2label of a Hugging Face config',
      file(
        'config.json',
        '{"architectures":["ViT"],"id2label":{"0":"cat","1":"dog","2":"cow"},"label2id":{"cat":0}}',
      ),
    ],
    ['a dictionary of Python', file('python.txt', "{0: 'cat',\n 1: 'dog',\n 2: \"cow\"}\n")],
    [
      'a dictionary of Python with a comma at its end',
      file('comma.txt', "{\n0: 'cat',\n1: 'dog',\n2: 'cow',\n}"),
    ],
    ['a list of Python', file('python-list.txt', "['cat', 'dog', 'cow']")],
  ])('come from %s', async (_, flag) => {
    expect(await named(flag)).toEqual(['cat', 'dog', 'cow']);
  });

  it('come from the flag before the metadata, from these before the data, or from nowhere', async () => {
    const model = withMetadata('["a","b","c"]');
    const data = { ...glyphs, classNames: ['x', 'y', 'z'] };
    expect(await named('cat,dog,cow', model, data)).toEqual(['cat', 'dog', 'cow']);
    expect(await named(undefined, model, data)).toEqual(['a', 'b', 'c']);
    expect(await named(undefined, plain, data)).toEqual(['x', 'y', 'z']);
    expect(await named(undefined, plain, { ...data, classNames: ['x', 'y'] })).toBeNull();
    expect(await named(undefined)).toBeNull();
  });

  it.each([
    ['too few names', 'cat,dog', /2 class names for a model of 3 classes/],
    ['no such file', join(folder, 'none'), /cannot be read/],
    ['damaged JSON', file('damaged.json', '["cat", '), /neither valid JSON nor .* Python/],
    ['escapes of Python', file('escaped.txt', "{0: 'cat\\'s', 1: 'dog', 2: 'cow'}"), /neither valid JSON/],
    ['an index twice', file('twice.txt', "{0: 'cat', 0: 'dog', 1: 'cow'}"), /neither valid JSON/],
    ['an alias of YAML', file('alias.txt', "{0: &a cat, 1: *a, 2: 'cow'}"), /neither valid JSON/],
    ['a config without names', file('nothing.json', '{"architectures":["ViT"]}'), /each class, from 0 up/],
    ['a gap', file('gap.json', '{"0": "cat", "1": "dog", "3": "cow"}'), /each class, from 0 up/],
    ['numbers', file('numbers.json', '[1, 2, 3]'), /each class, from 0 up/],
  ])('with %s are refused', async (_, flag, what) => {
    await expect(named(flag)).rejects.toThrow(what);
    await expect(named(flag)).rejects.toBeInstanceOf(UsageError);
  });

  it('that the model states wrongly are refused too', async () => {
    await expect(named(undefined, withMetadata('["a"]'))).rejects.toThrow('1 class names for a model of 3');
  });
});

describe.skipIf(noShared !== null)(titled('hf-class-names'), () => {
  it('are read from the config of the shared case', async () => {
    const config = join(sharedFolder, 'cases/hf-class-names/config.json');
    expect(await named(config)).toEqual(['tench', 'goldfish', 'shark']);
  });
});
