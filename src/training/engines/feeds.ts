/** What every engine checks before it computes. */
import type { HostTensor, Program, StepFunction } from '../program.ts';

/** Shape of every state tensor. */
export function stateDims(program: Program): ReadonlyMap<string, readonly number[]> {
  return new Map([...program.state].map(([name, { dims }]) => [name, dims]));
}

/** The feeds with their shapes; a size that does not fit is a mistake of the caller. */
export function fed(step: StepFunction, feeds: ReadonlyMap<string, Float32Array>): [string, HostTensor][] {
  return [...step.feeds].map(([name, dims]) => {
    const values = feeds.get(name);
    const size = dims.reduce((product, d) => product * d, 1);
    if (values?.length !== size)
      throw new Error(`feed '${name}' has ${values?.length ?? 'no'} values, the step wants ${size}`);
    return [name, { dims, values }];
  });
}
