# Sourced: PATH and library folders for the unpacked bundle. Must be set before the process starts.
bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# CUDA 13 and cuDNN 9 as an installed PyTorch brings them (its nvidia-* packages); CUDA_LIBS overrides, with colons.
if [ -z "${CUDA_LIBS:-}" ]; then
  CUDA_LIBS=$(python3 - <<'PYTHON' || true
import glob
try:
    import nvidia
except ImportError:
    raise SystemExit("no nvidia-* Python packages: CUDA must be on the system's own library path")
print(":".join(sorted(lib for folder in nvidia.__path__ for lib in glob.glob(folder + "/*/lib"))))
PYTHON
)
fi
export PATH=$bundle/bin:$PATH
export LD_LIBRARY_PATH=${CUDA_LIBS:+$CUDA_LIBS:}${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/usr/local/nvidia/lib64:/usr/local/nvidia/lib
# A Vulkan loader of the machine's own comes first.
if ! { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q 'libvulkan\.so\.1'; then
  export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$bundle/lib
fi
icd=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
if [ -f "$icd" ]; then export VK_DRIVER_FILES=${VK_DRIVER_FILES:-$icd}; fi
# CUDA computes in TF32 unless this is set when the libraries start.
export NVIDIA_TF32_OVERRIDE=0
