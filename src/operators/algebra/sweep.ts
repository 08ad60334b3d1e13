/** A window swept along one axis: pure geometry. */

/** Geometry along one axis. */
export interface Sweep {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padBegin: number;
  readonly padEnd: number;
}

/** Calls `visit(inputPosition, kernelPosition)` for the taps of output `at` that fall inside the input. */
export function taps(sweep: Sweep, at: number, visit: (input: number, tap: number) => void): void {
  const start = at * sweep.stride - sweep.padBegin;
  for (let tap = 0; tap < sweep.kernel; tap++) {
    const input = start + tap * sweep.dilation;
    if (input >= 0 && input < sweep.input) visit(input, tap);
  }
}
