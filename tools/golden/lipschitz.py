"""Golden values of Lipschitz-aware smoothing: writes test/fixtures/lipschitz-smoothing.json.

    python -m pip install scipy
    python tools/golden/lipschitz.py

Radii come from numerical quadrature of the definition in docs/certificates.md, section 10 (no antiderivative is used), and are
roots of V(s) = p as the certificates state it. The script fails where the ordering plain <= published <= closed form does not
hold. Means are bounded as the docstrings of src/smoothing/means say, from the scores themselves, not from their weights at knots. Nothing
at run time or in the tests needs Python.
"""

import json
import pathlib

import numpy as np
from scipy import integrate, optimize, special, stats

SIGMAS = [0.25, 0.5, 1.0]
LIPSCHITZ = [0.02, 0.2, 1.0, 3.0, 20.0, 150.0]
PROBABILITIES = [0.51, 0.6, 0.75, 0.9, 0.99, 0.999, 0.99999]


def falling(s, sigma, lipschitz):
    """V(s) = 1 - L times the integral of Phi(t / sigma) over [s, s + 1/L]."""
    ends = (s, s + 1 / lipschitz)
    points = [t for t in np.arange(-9, 10) * sigma if ends[0] < t < ends[1]]
    edges = [ends[0], *points, ends[1]]
    parts = [
        integrate.quad(lambda t: special.ndtr(-t / sigma), a, b, epsabs=1e-15, epsrel=1e-14)[0]
        for a, b in zip(edges, edges[1:])
    ]
    return lipschitz * sum(parts)


def start(p, sigma, lipschitz):
    """s0(p): V(s0) = p. V falls; 1 - V is compared on a logarithmic scale, since p is near 1."""
    width = 1 / lipschitz
    reach = 12 * sigma + width

    def off(s):
        # V(-1/L - s) = 1 - V(s)
        return np.log(falling(-width - s, sigma, lipschitz)) - np.log(1 - p)

    return optimize.brentq(off, -reach - width, reach, xtol=1e-15, rtol=1e-15, maxiter=500)


def published(p, sigma, lipschitz):
    s = start(p, sigma, lipschitz)
    slope = lipschitz * (special.ndtr((s + 1 / lipschitz) / sigma) - special.ndtr(s / sigma))
    quantile = special.ndtri(p)
    return quantile * stats.norm.pdf(quantile) / slope


def radii():
    rows = []
    for sigma in SIGMAS:
        for lipschitz in LIPSCHITZ:
            for p in PROBABILITIES:
                closed = -(start(p, sigma, lipschitz) + 1 / (2 * lipschitz))
                other = published(p, sigma, lipschitz)
                plain = sigma * special.ndtri(p)
                assert plain <= other * (1 + 1e-9) and other <= closed * (1 + 1e-9), (sigma, lipschitz, p)
                rows.append({"sigma": sigma, "lipschitz": lipschitz, "p": p, "closed": closed, "published": other})
    return rows


def two_classes():
    rows = []
    for sigma, lipschitz, p_a, p_b in [(0.5, 1, 0.7, 0.2), (0.5, 1, 0.45, 0.3), (0.25, 8, 0.9, 0.05), (1, 0.1, 0.4, 0.35)]:
        r = (start(p_b, sigma, lipschitz) - start(p_a, sigma, lipschitz)) / 2
        rows.append({"sigma": sigma, "lipschitz": lipschitz, "pA": p_a, "pB": p_b, "radius": r})
    return rows


def bernstein(x, alpha):
    log = np.log(2 / alpha)
    return np.mean(x) - np.sqrt(2 * np.var(x, ddof=1) * log / len(x)) - 7 * log / (3 * (len(x) - 1))


def betting(x, alpha):
    stakes = np.sin(np.pi * (np.arange(40) + 0.5) / 80) ** 2

    def off(m):
        wealth = np.log1p(stakes[:, None] * (x[None, :] / m - 1)).sum(axis=1)
        return special.logsumexp(wealth) - np.log(40) - np.log(1 / alpha)

    return optimize.brentq(off, 1e-9, np.mean(x), xtol=1e-14)


def means():
    """Scores that are multiples of 1/64: there the weights at knots lose nothing."""
    rows = []
    random = np.random.default_rng(7)
    for name, scores in [
        ("near 1", random.beta(40, 1, 1000)),
        ("spread", random.beta(2, 1.5, 500)),
        ("0 and 1", (random.random(2000) < 0.97).astype(float)),
        ("all 1", np.ones(800)),
    ]:
        levels = np.round(scores * 64).astype(int)
        x = levels / 64
        rows.append({
            "name": name,
            "levels": np.bincount(levels, minlength=65).tolist(),
            "alpha": 0.001,
            "bernstein": bernstein(x, 0.001),
            "betting": betting(x, 0.001),
        })
    return rows


def sparsemax(z):
    """The projection on the simplex, by minimising the distance over the threshold."""
    threshold = optimize.brentq(lambda t: np.maximum(z - t, 0).sum() - 1, z.min() - 1, z.max(), xtol=1e-15)
    return np.maximum(z - threshold, 0)


def maps():
    random = np.random.default_rng(3)
    rows = []
    for classes in [2, 3, 10]:
        for temperature in [0.3, 1, 5]:
            logits = np.float32(random.normal(size=classes) * 2)
            z = np.float64(logits) / temperature
            rows.append({
                "logits": logits.tolist(),
                "temperature": temperature,
                "softmax": special.softmax(z).tolist(),
                "sparsemax": sparsemax(z).tolist(),
            })
    return rows


golden = {"radii": radii(), "twoClasses": two_classes(), "means": means(), "maps": maps()}
path = pathlib.Path(__file__).parents[2] / "test" / "fixtures" / "lipschitz-smoothing.json"
path.write_text(json.dumps(golden) + "\n")
