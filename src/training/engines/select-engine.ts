/**
 * Which engine runs a program. `auto` takes tfjs-node-gpu where it works on a GPU, else ONNX Runtime, which is always
 * available and on a CPU faster than tfjs-node. TensorFlow.js itself is loaded only when an engine is opened.
 */
import { ToolError, UsageError } from '../../ground/errors.ts';
import { probeProvider } from '../../smoothing/providers.ts';
import type { Program } from '../program.ts';
import type { Engine } from './engine.ts';
import { loadTfjsNode, probeTfjsNode, type TfjsNodePackage, type TfjsNodeProbe } from './tfjs-node.ts';

export const ENGINES = ['auto', 'tfjs-node-gpu', 'tfjs-node', 'onnxruntime'] as const;
export type EngineChoice = (typeof ENGINES)[number];

/** Where ONNX Runtime computes; `auto` is CUDA where it works, else the CPU. */
export const DEVICES = ['auto', 'cpu', 'cuda', 'webgpu'] as const;
export type Device = (typeof DEVICES)[number];

/**
 * Opens an engine with the program loaded.
 * @param threads of the CPU
 * @throws ToolError when the engine or device asked for is not usable here
 * @throws UsageError when the engine cannot use the device
 */
export async function openEngine(
  program: Program,
  choice: EngineChoice,
  device: Device,
  threads: number,
): Promise<Engine> {
  if (choice === 'tfjs-node' || choice === 'tfjs-node-gpu')
    return openTfjsNode(program, choice, await usable(choice, device), threads);
  if (choice === 'auto' && device === 'auto') {
    const probe = await probeTfjsNode('tfjs-node-gpu');
    if (probe.available && probe.gpu) return openTfjsNode(program, 'tfjs-node-gpu', probe, threads);
  }
  const { createOnnxRuntimeEngine } = await import('./onnxruntime.ts');
  return createOnnxRuntimeEngine(program, { device: await usableDevice(device), threads });
}

async function usableDevice(device: Device): Promise<Exclude<Device, 'auto'>> {
  if (device === 'cpu') return device;
  const wanted = device === 'auto' ? 'cuda' : device;
  const probe = await probeProvider(wanted);
  if (probe.available) return wanted;
  if (device === 'auto') return 'cpu';
  throw new ToolError({
    what: `the ${device} provider of ONNX Runtime does not work here`,
    where: `--device ${device}`,
    ...(probe.why === undefined ? {} : { why: probe.why }),
    remedy: `${probe.remedy ?? 'See `splitz-onnx doctor`.'} Or use --device cpu.`,
  });
}

type Available = Extract<TfjsNodeProbe, { available: true }>;

async function usable(name: TfjsNodePackage, device: Device): Promise<Available> {
  const own = name === 'tfjs-node' ? 'cpu' : 'cuda';
  if (device !== 'auto' && device !== own)
    throw new UsageError({
      what: `--engine ${name} computes on ${own}, not on ${device}`,
      where: '--device',
      remedy: 'Omit --device, or use --engine onnxruntime.',
    });
  const probe = await probeTfjsNode(name);
  if (!probe.available)
    throw new ToolError({
      what: `the engine ${name} cannot be used: ${probe.reason}`,
      where: `--engine ${name}`,
      why: probe.why,
      remedy: `${probe.remedy} Or use --engine onnxruntime.`,
    });
  if (device === 'cuda' && !probe.gpu)
    throw new ToolError({
      what: 'the engine tfjs-node-gpu does not find a GPU',
      where: '--device cuda',
      why: `its TensorFlow ${probe.tensorflow} loads, but would compute on the CPU (version 4.22 needs CUDA 11.2 and cuDNN 8.1)`,
      remedy: 'Use --engine onnxruntime.',
    });
  return probe;
}

async function openTfjsNode(
  program: Program,
  name: TfjsNodePackage,
  probe: Available,
  threads: number,
): Promise<Engine> {
  loadTfjsNode(probe.path, threads);
  const where = probe.gpu ? 'cuda' : `cpu, ${threads === 1 ? '1 thread' : `${threads} threads`}`;
  const description = `@tensorflow/${name} ${probe.version} (TensorFlow ${probe.tensorflow}, ${where})`;
  const { createTfjsEngine } = await import('./tfjs.ts');
  return createTfjsEngine(program, 'tensorflow', description);
}
