#!/bin/bash
# Takes in one piece of the bundle; with the last missing one, checks all and unpacks.
#   bash tools/gpu/unpack.sh .gpu/piece-1 /opt/splitz
# Needs tar, sha256sum and xz (or a python3 with lzma). The folder must outlive the call.
set -euo pipefail
piece=${1:?usage: unpack.sh PIECE_FOLDER TARGET_FOLDER}
target=${2:?usage: unpack.sh PIECE_FOLDER TARGET_FOLDER}

mkdir -p "$target/.parts"
parts=$(cd "$target/.parts" && pwd)
if [ -f "$parts/SHA256SUMS" ] && ! cmp -s "$piece/SHA256SUMS" "$parts/SHA256SUMS"; then
  echo "$target holds pieces of another bundle: remove it, or give another folder" >&2
  exit 1
fi
(cd "$piece" && sha256sum --check --quiet --ignore-missing SHA256SUMS)
cp "$piece"/SHA256SUMS "$piece"/part-* "$parts/"
cd "$parts"

mapfile -t names < <(cut -c67- SHA256SUMS)
for name in "${names[@]}"; do
  [ -f "$name" ] || { echo "$piece is in; $name is still to come"; exit 0; }
done

decompress() {
  if command -v xz >/dev/null; then xz -dc; else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer, 1 << 20)'
  fi
}
sha256sum --check --quiet SHA256SUMS
cat "${names[@]}" | decompress | tar -C .. -xf -
rm -r "$parts"
echo "all ${#names[@]} pieces are in, unpacked to $target"
