"""Golden values of the activations: writes test/fixtures/activations.json.

    python -m pip install mpmath
    python tools/golden/activations.py

For each function pairs [z, phi(z)], phi(z) computed with 60 digits and rounded to the nearest float64. Nothing at run
time or in the tests needs Python.
"""

import json
import random
from pathlib import Path

from mpmath import erf, exp, log, mp, mpf, ncdf, pi, sqrt, tanh

mp.dps = 60


def gelu_tanh(z):
    return z / 2 * (1 + tanh(sqrt(2 / pi) * (z + mpf("0.044715") * z**3)))


FUNCTIONS = {
    "Erf": erf,
    "Gelu": lambda z: z * ncdf(z),
    "Gelu tanh": gelu_tanh,
    "Mish": lambda z: z * tanh(log(1 + exp(z))),
    "Swish": lambda z: z / (1 + exp(-z)),
    "Swish -1.5": lambda z: z / (1 + exp(mpf("1.5") * z)),
    "Selu": lambda z: mpf(1.0507010221481323) * (z if z > 0 else mpf(1.6732631921768188) * (exp(z) - 1)),
    "Celu 0.25": lambda z: z if z > 0 else mpf("0.25") * (exp(z / mpf("0.25")) - 1),
    "HardSigmoid": lambda z: min(mpf(1), max(mpf(0), mpf(0.20000000298023224) * z + mpf("0.5"))),
    "HardSwish": lambda z: z * min(mpf(1), max(mpf(0), z / 6 + mpf("0.5"))),
}

# Around the seams of the evaluation (2.5, 2.5 sqrt 2, 0), where things cancel, and far out.
rng = random.Random(4)
POINTS = sorted(
    {0.0, 2.5, -2.5, 2.4999999999999996, 3.5355339059327373, -3.5355339059327373, -3.5355339059327378, -3.0, 3.0}
    | {s * 10.0**k for s in (1, -1) for k in range(-12, 3)}
    | {rng.uniform(-6, 6) for _ in range(120)}
    | {rng.uniform(-40, 40) for _ in range(40)}
    | {-3.0 + rng.uniform(-1e-6, 1e-6) for _ in range(4)}
    | {-2.5 + rng.uniform(-1e-6, 1e-6) for _ in range(4)}
)

table = {name: [[z, float(phi(mpf(z)))] for z in POINTS] for name, phi in FUNCTIONS.items()}
path = Path(__file__).parents[2] / "test" / "fixtures" / "activations.json"
path.write_text(json.dumps(table, separators=(",", ":")) + "\n")
