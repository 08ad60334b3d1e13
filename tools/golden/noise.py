"""The polynomials of the rounded noise, proved, and golden values of Box-Muller: writes test/fixtures/noise.json.

    python -m pip install mpmath
    python tools/golden/noise.py            # proves the bounds and writes the fixture
    python tools/golden/noise.py --remez    # also finds the minimax coefficients again

The proof: the coefficients are those of src/smoothing/noise/rounded-noise.ts, read from there, as exact doubles. On each of many small
intervals the difference of polynomial and Taylor series is enclosed in interval arithmetic (mpmath.iv, 60 digits), and the
remainder of the series is added. Nothing at run time or in the tests needs Python.
"""

import json
import pathlib
import random
import re
import sys

import mpmath as mp
from mpmath import iv

mp.mp.dps = 70
iv.dps = 60
ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = (ROOT / "src/smoothing/noise/rounded-noise.ts").read_text(encoding="utf8")
# Intervals of the polynomials' argument: d^2 for m in [sqrt(1/2), sqrt(2)), t^2 for |t| <= pi/4; a little more for rounding.
D2 = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * (1 + mp.mpf(10) ** -12)
T2 = (mp.pi / 4) ** 2 * (1 + mp.mpf(10) ** -12)
PIECES = 2000


def coefficients(name):
    body = re.search(rf"const {name} = \[([^\]]*)\]", SOURCE).group(1)
    return [float(c) for c in body.split(",") if c.strip()]


def horner(coefs, x):
    y = iv.mpf(coefs[0])
    for c in coefs[1:]:
        y = y * x + iv.mpf(c)
    return y


def largest(difference, top):
    """An upper bound on |difference(z)| over [0, top], piece by piece."""
    bound = mp.mpf(0)
    for i in range(PIECES):
        z = iv.mpf([top * i / PIECES, top * (i + 1) / PIECES])
        value = difference(z)
        bound = max(bound, abs(mp.mpf(value.a)), abs(mp.mpf(value.b)))
    return bound


def enclosed(coefs, series, scale, top):
    """sup |scale(z) (P(z) - f(z))|, with f given by Taylor coefficients (rising) whose tail is bounded by the last one.

    The difference of the two polynomials is formed coefficient by coefficient, so that nothing cancels in the intervals.
    """
    rising = list(reversed([mp.mpf(c) for c in coefs]))
    tail = abs(series[-1]) * mp.mpf(top) ** (len(series) - 1) * 2
    difference = [(rising[k] if k < len(rising) else mp.mpf(0)) - series[k] for k in range(len(series) - 1)]

    def at(z):
        # Mean value form: the value at the middle, and the derivative over the piece.
        middle = iv.mpf((mp.mpf(z.a) + mp.mpf(z.b)) / 2)
        value = iv.mpf(0)
        slope = iv.mpf(0)
        for k in reversed(range(len(difference))):
            value = value * middle + iv.mpf(difference[k])
        for k in reversed(range(1, len(difference))):
            slope = slope * z + k * iv.mpf(difference[k])
        return (value + slope * (z - middle)) * scale(z)

    return largest(at, top) + tail * abs(mp.mpf(scale(iv.mpf(top)).b))


def prove():
    terms = 40
    # -4 atanh(d) / d = -4 + z A(z), A = -4 (1/3 + z/5 + z^2/7 + ...); the error relative to 4.
    a = enclosed(coefficients("LOGARITHM"), [mp.mpf(-4) / (2 * k + 3) for k in range(terms)], lambda z: z / 4, D2)
    # sin t = t + t z S(z); the absolute error, |t| z.
    s = enclosed(
        coefficients("SINE"),
        [(-1) ** (k + 1) / mp.factorial(2 * k + 3) for k in range(terms)],
        lambda z: z * iv.sqrt(z),
        T2,
    )
    # cos t = C(z), all of it; the absolute error.
    c = enclosed(
        coefficients("COSINE"), [(-1) ** k / mp.factorial(2 * k) for k in range(terms)], lambda z: iv.mpf(1), T2
    )
    unit = mp.mpf(2) ** -53
    for name, bound, stated in [("-4 atanh, relative", a, 1.8), ("sine", s, 0.1), ("cosine", c, 0.8)]:
        print(f"{name}: at most {mp.nstr(bound, 4)} = {mp.nstr(bound / unit, 4)} e, stated {stated} e")
        assert bound <= stated * unit, name
    constants = {
        "TWO_LN_2": 2 * mp.log(2),
        "TURN_HIGH": 2 * mp.pi / 2**32,
        "TURN_LOW": 2 * mp.pi / 2**64,
    }
    for name, exact in constants.items():
        stored = float(re.search(rf"const {name} = ([^;]+);", SOURCE).group(1))
        assert stored == float(exact) and abs(mp.mpf(stored) - exact) <= unit * exact, name


def golden():
    rng = random.Random(20261127)
    us = [1, 2, 3, 2**32, 2**63, 2**64 - 1, 2**64 - 2, int(mp.floor(mp.sqrt(0.5) * 2**64))]
    us += [rng.randrange(1, 2**64) >> rng.randrange(0, 60) or 1 for _ in range(120)]
    turns = [0, 1, 2**61, 2**62, 2**63, 2**64 - 1] + [rng.randrange(2**64) for _ in range(len(us) - 6)]
    rows = []
    for u, turn in zip(us, turns):
        radius = mp.sqrt(-2 * mp.log(mp.mpf(u) / 2**64))
        angle = 2 * mp.pi * turn / mp.mpf(2) ** 64
        digits = lambda x: str(int(mp.floor(x * mp.mpf(10) ** 50)))
        rows.append(
            {
                "u": str(u),
                "turn": str(turn),
                "radius": digits(radius),
                "cosine": digits(radius * mp.cos(angle)),
                "sine": digits(radius * mp.sin(angle)),
            }
        )
    target = ROOT / "test/fixtures/noise.json"
    target.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf8")
    print(f"wrote {len(rows)} pairs to {target.relative_to(ROOT)}")


def remez(f, weight, degree, top):
    """Coefficients (rising) of the polynomial with the least max |weight (P - f)| on (0, top]."""
    count = degree + 2
    low = mp.mpf(10) ** -25
    point = lambda x: (low + top) / 2 - (top - low) / 2 * x
    xs = [point(mp.cos(mp.pi * k / (count - 1))) for k in range(count)]
    for _ in range(12):
        rows = mp.matrix(count, count)
        right = mp.matrix(count, 1)
        for i, x in enumerate(xs):
            for j in range(count - 1):
                rows[i, j] = weight(x) * x**j
            rows[i, count - 1] = (-1) ** i
            right[i] = weight(x) * f(x)
        solution = mp.lu_solve(rows, right)
        coefs = [solution[j] for j in range(count - 1)]
        error = lambda x: weight(x) * (mp.polyval(coefs[::-1], x) - f(x))
        grid = [point(mp.cos(mp.pi * mp.mpf(k) / 2000)) for k in range(2001)]
        values = [error(x) for x in grid]
        extremes, current = [], 0
        for k in range(1, len(grid)):
            if (values[k] > 0) != (values[current] > 0):
                extremes.append(current)
                current = k
            elif abs(values[k]) > abs(values[current]):
                current = k
        extremes.append(current)
        while len(extremes) > count:
            extremes.pop(0 if abs(values[extremes[0]]) < abs(values[extremes[-1]]) else -1)
        if len(extremes) < count:
            break
        xs = [grid[k] for k in extremes]
    return coefs


def find():
    taylor = lambda terms: lambda z: mp.polyval(terms[::-1], z)
    for name, f, weight, degree, top in [
        ("LOGARITHM", taylor([mp.mpf(-4) / (2 * k + 3) for k in range(60)]), lambda z: z / 4, 5, D2),
        (
            "SINE",
            taylor([(-1) ** (k + 1) / mp.factorial(2 * k + 3) for k in range(30)]),
            lambda z: z * mp.sqrt(z),
            5,
            T2,
        ),
        (
            "COSINE behind 1 - z/2",
            taylor([(-1) ** k / mp.factorial(2 * k + 4) for k in range(30)]),
            lambda z: z * z,
            4,
            T2,
        ),
    ]:
        print(name, [float(c) for c in reversed(remez(f, weight, degree, top))])


if __name__ == "__main__":
    prove()
    if "--remez" in sys.argv:
        find()
    golden()
