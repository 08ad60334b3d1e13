/** Commands that take several result files keep every repeated word (`duplicate-arguments-array`), flags included. */

/** Keeps only the last of a flag given more than once; `runs` are all kept. */
export const withoutRepeats = <Flags extends object>(flags: Flags): Flags =>
  Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [
      name,
      Array.isArray(value) && name !== 'runs' ? value.at(-1) : value,
    ]),
  ) as Flags;
