/** Images that share their noise, put together as they come: they are drawn together. */
import type { Image } from '../method.ts';

/** Each image in a group with those beside it that have the same noise; an image with noise of its own is given on at once. */
export async function* noiseGroups(images: AsyncIterable<Image>): AsyncGenerator<readonly Image[]> {
  let group: Image[] = [];
  for await (const image of images) {
    const [first] = group;
    if (first !== undefined && first.noise?.number !== image.noise?.number) {
      yield group;
      group = [];
    }
    group.push(image);
    if (group.length >= (image.noise?.images ?? 1)) {
      yield group;
      group = [];
    }
  }
  if (group.length > 0) yield group;
}
