/** An engine as its users see it: no type of TensorFlow.js, so that the declarations of an attack need none. */

/** An engine with a program loaded and its state inside. */
export interface Engine {
  /** For people and for the record: "onnxruntime 1.30.0 (cpu, 2 threads)". */
  readonly description: string;
  /**
   * Runs one function: its new state replaces the old. Results by name, row-major.
   * @throws ToolError when the engine fails (out of memory, a lost device)
   */
  run(name: string, feeds: ReadonlyMap<string, Float32Array>): Promise<ReadonlyMap<string, Float32Array>>;
  /** A copy of the state. */
  read(): Promise<ReadonlyMap<string, Float32Array>>;
  /** Replaces the state (resume). */
  write(state: ReadonlyMap<string, Float32Array>): Promise<void>;
  close(): Promise<void>;
}
