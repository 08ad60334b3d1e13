#!/bin/bash
# Checks and measures on the GPU machine within ten minutes; writes into $OUT (default: ./gpu-results).
#   bash /opt/splitz/tools/gpu/run.sh                DRY=1 bash tools/gpu/run.sh    (reduced sizes, on the CPU)
# Every step writes its result before the next begins, and none stops the others. STEPS="1 2 3 4 5" chooses among them, SECONDS_IN_ALL
# (570) is what they may take together, PROVIDERS="cpu cuda webgpu" where verdicts are compared.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
results=${OUT:-$PWD/gpu-results}
mkdir -p "$results"
results=$(cd "$results" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tools=$bundle/tools/gpu
main=$bundle/dist/cli/main.js
cifar=${CIFAR:-$bundle/cifar10}
steps=${STEPS:-1 2 3 4 5}
total=${SECONDS_IN_ALL:-570}
if [ -n "${DRY:-}" ]; then
  gpu=cpu providers=${PROVIDERS:-cpu} images=2 draws=200 each=0.2 many=64 epochs_max=1 training_images=64 slack=3 random=resnet20
  export IMAGES=2
else
  gpu=cuda providers=${PROVIDERS:-cpu cuda webgpu} images=10 draws=10000 each=3 many=100000 epochs_max=200 training_images=4000 slack=1 random=resnet110
fi

deadline=$total
left() { echo $(((deadline < total ? deadline : total) - SECONDS)); }
# within SECONDS COMMAND…: what is left at most; says what broke off.
within() {
  local limit=$(($1 * slack))
  shift
  [ "$(left)" -lt "$limit" ] && limit=$(left)
  if [ "$limit" -lt 3 ]; then
    echo "no time left for: $*" >&2
    return 1
  fi
  timeout --kill-after=10 "$limit" "$@"
}
summarise() { node "$tools/to-markdown.mjs" "$results" >"$results/summary.md"; }
# step "NUMBER NAME" SECONDS COMMAND…
step() {
  local name=$1
  deadline=$((SECONDS + $2 * slack))
  shift 2
  [[ " $steps " == *" ${name%% *} "* ]] || return 0
  local began=$SECONDS
  "$@" >>"$results/log.txt" 2>&1
  local rc=$?
  echo "step $name: $((SECONDS - began)) s, exit $rc" | tee -a "$results/steps.txt"
  summarise
}

machine() {
  date -u +%Y-%m-%dT%H:%M:%SZ
  nproc
  nvidia-smi --query-gpu=name,driver_version,memory.total,pcie.link.gen.current,pcie.link.width.current --format=csv,noheader 2>&1
  echo "LD_LIBRARY_PATH=$LD_LIBRARY_PATH"
  echo "libraries the CUDA provider does not find:"
  local library=$bundle/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so
  if [ -f "$library" ]; then ldd "$library" | grep 'not found' || echo "  none"; else echo "  itself"; fi
  [ -n "${DRY:-}" ] || timeout 60 node "$main" doctor
}

# The same draws on each provider: cut, seed and images are equal.
certify() {
  local name=$1 provider bad=0
  shift
  for provider in $providers; do
    within 90 node "$main" certify "$@" --provider "$provider" --max "$images" --seed 0 -n "$draws" --batch 256 --quiet \
      --out "$work/$name.$provider.jsonl" >/dev/null 2>"$work/$name.$provider.error" || { echo "$name on $provider: exit $?" && bad=1; }
    node "$tools/verdicts.mjs" "$work" >"$results/verdicts.json" || bad=1
  done
  return $bad
}
verdicts() {
  local bad=0
  certify glyphs-lenet "$bundle/models/glyphs-lenet.onnx" || bad=1
  certify glyphs-splitz "$bundle/models/glyphs-splitz.onnx" || bad=1
  return $bad
}

# The large networks first, each runtime in a process of its own; a line of JSON per measurement, written at once.
throughput() {
  local network bad=0
  for network in resnet110 resnet50 resnet20 lenet; do
    within 45 node "$tools/throughput.mjs" "$gpu" "$each" "$network" ${DRY:+dry} >>"$results/throughput.jsonl" || bad=1
    python3 -c 'import torch' 2>/dev/null || continue
    within 60 python3 "$tools/torch_bench.py" "$each" "$network" ${DRY:+dry} >>"$results/throughput.jsonl" || bad=1
  done
  return $bad
}

# n draws, and until a verdict: a trained network, and a ResNet-110 with random weights, which decides as soon as one can.
seconds_per_image() {
  if [ ! -d "$cifar" ]; then
    echo "no CIFAR-10 in $cifar: pack with --cifar FOLDER"
    return 1
  fi
  node "$tools/random-network.mjs" "$random" "$work/$random.onnx" || return 1
  local model bad=0
  for model in "$work/$random.onnx" "$bundle"/extra/*.onnx; do
    [ -f "$model" ] || continue
    within 40 node "$tools/seconds.mjs" "$gpu" "$model" "$cifar" "$many" >>"$results/seconds.jsonl" || bad=1
    within 25 node "$tools/seconds.mjs" "$gpu" "$model" "$cifar" "$many" "radius >= 0.5" >>"$results/seconds.jsonl" || bad=1
  done
  return $bad
}

training() {
  local torch_python
  torch_python=$(python3 -c 'import sys, torch; print(sys.executable)' 2>/dev/null)
  if [ -n "${DRY:-}" ]; then set -- --network lenet --batch 8 --rounds 1 --seconds 0.2; else set -- --network resnet110 --rounds 2 --seconds 3; fi
  within 100 node "$bundle/tools/bench/training/main.mjs" "$@" --device "$gpu" ${torch_python:+--python "$torch_python"} \
    >"$results/training.txt"
}

# A first run of a few images tells how many epochs fit into what is left.
trained() {
  [ -d "$cifar" ] || return 1
  local common=(--architecture resnet20 --data "cifar10:$cifar" --split input --sigma 0.25 --device "$gpu" --force)
  [ -n "${DRY:-}" ] && common+=(--batch 16)
  within 60 node "$main" train "${common[@]}" --epochs 1 --max "$training_images" --validation 16 --out "$work/pilot.onnx" \
    2>&1 | tee "$work/pilot.txt" || return 1
  local epochs
  epochs=$(node "$tools/epochs.mjs" "$work/pilot.txt" "$cifar" "$(left)" "$epochs_max") || return 1
  echo "$epochs epochs in $(left) s"
  [ -n "${DRY:-}" ] && common+=(--max "$training_images" --validation 16)
  within "$(left)" node "$main" train "${common[@]}" --epochs "$epochs" --out "$results/resnet20.noise-0.25.onnx" \
    >"$results/trained.txt" 2>&1
}

rm -f "$results"/{log.txt,steps.txt,throughput.jsonl,seconds.jsonl}
machine >"$results/machine.txt" 2>&1
step "1 verdicts" 100 verdicts
step "2 samples per second" 250 throughput
step "3 seconds per image" 90 seconds_per_image
step "4 training" 50 training
step "5 a network trained" "$total" trained
summarise
cat "$results/summary.md"
echo "ended after $SECONDS s" | tee -a "$results/steps.txt"
node "$tools/to-markdown.mjs" "$results" --require "$gpu" >/dev/null
