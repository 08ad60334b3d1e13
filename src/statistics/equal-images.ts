/**
 * Images of a run that are the same picture, pixel by pixel. Copies tell nothing new about the population, so bands are over
 * distinct images; and of copies with different labels at most one can be right.
 */

/** What of an image this needs; without a digest it counts as unlike every other. */
export interface Identified {
  readonly index: number;
  readonly label: number | null;
  /** Of its pixels. */
  readonly sha256?: string;
}

/** The images grouped by their pixels, in the order of their first. */
export function groupsOfEqual<T extends Identified>(images: readonly T[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const [k, image] of images.entries()) {
    const key = image.sha256 ?? `image ${k}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [image]);
    else group.push(image);
  }
  return [...groups.values()];
}

export interface EqualImages {
  /** Images that are a copy of an earlier one. */
  readonly copies: number;
  /** The first pair with different labels in each group that has one. */
  readonly contradicting: readonly (readonly [Identified, Identified])[];
}

export function equalImages(images: readonly Identified[]): EqualImages {
  const groups = groupsOfEqual(images);
  return {
    copies: images.length - groups.length,
    contradicting: groups.flatMap((group): [Identified, Identified][] => {
      const [first] = group;
      const other = group.find(({ label }) => label !== first?.label);
      return first === undefined || other === undefined ? [] : [[first, other]];
    }),
  };
}

/** What to know about equal images, a sentence each. */
export function equalImagesInWords({ copies, contradicting }: EqualImages): string[] {
  const some = contradicting
    .slice(0, 3)
    .map(([a, b]) => `${a.index} (label ${a.label}) and ${b.index} (label ${b.label})`);
  const more = contradicting.length > some.length ? ', …' : '';
  return [
    ...(copies === 0
      ? []
      : [
          `${copies === 1 ? '1 image is a copy' : `${copies} images are copies`} of another one of the run, pixel by pixel; bands count each picture once.`,
        ]),
    ...(contradicting.length === 0
      ? []
      : [
          `Equal images have different labels, of which at most one is right: ${some.join('; ')}${more}. Correct the labels.`,
        ]),
  ];
}
