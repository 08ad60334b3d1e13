#!/bin/bash
# Checks and measures on the GPU machine; writes text and JSON to $OUT (default: ./gpu-results).
#   bash /opt/splitz/tools/gpu/check.sh [MODEL --data D … of a second model to certify]
# PROVIDERS="cpu cuda webgpu", IMAGES=20, DRAWS=10000 and SECONDS_EACH=5 can be set.
# A provider that does not work is reported in its file, and the run goes on; without any GPU provider it ends with 1.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
results=${OUT:-$PWD/gpu-results}
providers=${PROVIDERS:-cpu cuda webgpu}
mkdir -p "$results"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
splitz() { node "$bundle/dist/cli/main.js" "$@"; }

{
  date -u +%Y-%m-%dT%H:%M:%SZ
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>&1 || true
  echo "LD_LIBRARY_PATH=$LD_LIBRARY_PATH"
  echo "libraries the CUDA provider does not find:"
  ldd "$bundle"/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so |
    grep 'not found' || echo "  none"
  splitz doctor || true
} 2>&1 | tee "$results/machine.txt"

# One result file per provider, the same draws in each: cut, seed and images are equal.
certify() {
  local name=$1
  shift
  for provider in $providers; do
    rm -f "$work/$name.$provider.jsonl"
    timeout 200 node "$bundle/dist/cli/main.js" certify "$@" --provider "$provider" --max "${IMAGES:-20}" --seed 0 \
      -n "${DRAWS:-10000}" --batch 64 --quiet --out "$work/$name.$provider.jsonl" \
      >/dev/null 2>"$work/$name.$provider.error" || echo "$name on $provider: see verdicts" >&2
  done
}
certify glyphs "$bundle/models/glyphs-lenet.onnx"
if [ $# -gt 0 ]; then (cd "$bundle/extra" && certify extra "$@"); fi
node "$bundle/tools/gpu/verdicts.mjs" "$work" >"$results/verdicts.json"

# Providers one after the other, each in a process of its own, so that none disturbs another.
for provider in $providers; do
  timeout 200 node "$bundle/tools/gpu/throughput.mjs" "$provider" "${SECONDS_EACH:-5}" \
    >"$results/throughput.$provider.json" || true
done
if python3 -c 'import torch' 2>/dev/null; then
  timeout 200 python3 "$bundle/tools/gpu/torch_bench.py" "${SECONDS_EACH:-5}" >"$results/throughput.torch.json" || true
fi
# The training step of ResNet-110, traced and run by ONNX Runtime on the GPU, beside PyTorch.
torch_python=$(python3 -c 'import sys, torch; print(sys.executable)' 2>/dev/null || true)
for device in $providers; do
  [ "$device" = cpu ] && continue
  timeout 400 node "$bundle/tools/bench/training/main.mjs" --network resnet110 --device "$device" --rounds 3 \
    ${torch_python:+--python "$torch_python"} >"$results/training.$device.txt" 2>&1 || true
done
node "$bundle/tools/gpu/to-markdown.mjs" "$results" | tee "$results/summary.md"
node "$bundle/tools/gpu/to-markdown.mjs" "$results" --require-gpu >/dev/null
