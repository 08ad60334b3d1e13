"""Golden values of the confidence bounds: writes test/fixtures/confidence.json.

    python -m pip install scipy mpmath
    python tools/golden/confidence.py

Every value is SciPy's, polished by Newton's method in 50-digit arithmetic (mpmath), and then rounded to the nearest
float64. The script fails where SciPy and mpmath disagree by more than SciPy's own accuracy, so the two are a check on
each other. Nothing at run time or in the tests needs Python.
"""

import json
import pathlib

import mpmath as mp
import scipy
from scipy import stats

mp.mp.dps = 50
ALPHAS = [0.1, 0.01, 0.001, 0.0005, 1e-6]
DRAWS = [1, 2, 10, 100, 1000, 10_000, 100_000]
SHARES = [0.001, 0.1, 0.5, 0.6, 0.9, 0.99, 0.999]


def counts(n):
    return sorted({0, 1, n - 1, n, *(round(s * n) for s in SHARES)} & set(range(n + 1)))


def point(k, n, p):
    """P[Bin(n, p) = k]"""
    return mp.exp(
        mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)
        + (k * mp.log(p) if k else 0) + ((n - k) * mp.log1p(-p) if n - k else 0)
    )


def upper_tail(k, n, p):
    """P[Bin(n, p) >= k], summed term by term away from k on the shorter side."""
    p = mp.mpf(p)
    if k == 0:
        return mp.mpf(1)
    upwards = k > n * p
    j, term = (k, point(k, n, p)) if upwards else (k - 1, point(k - 1, n, p))
    total = mp.mpf(0)
    while 0 <= j <= n and term > total * mp.mpf(10) ** -45:
        total += term
        if upwards:
            term *= (n - j) * p / ((j + 1) * (1 - p))
            j += 1
        else:
            term *= j * (1 - p) / ((n - j + 1) * p)
            j -= 1
    return total if upwards else 1 - total


def lower_bound(k, n, alpha):
    if k == 0:
        return mp.mpf(0)
    if k == n:
        return mp.mpf(alpha) ** (mp.mpf(1) / n)
    guess = stats.beta.ppf(alpha, k, n - k + 1)
    p = mp.mpf(guess)
    for _ in range(4):
        # d/dp P[Bin >= k] = k/p P[Bin = k]
        p -= (upper_tail(k, n, p) - mp.mpf(alpha)) / (k / p * point(k, n, p))
    assert abs(p - guess) <= 1e-9 * p, (k, n, alpha, guess, p)
    return p


def normal_quantile(p):
    guess = stats.norm.ppf(p)
    x = mp.mpf(guess)
    for _ in range(5):
        # Work on the smaller tail, so that nothing cancels.
        tail = mp.erfc(abs(x) / mp.sqrt(2)) / 2
        want = min(mp.mpf(p), 1 - mp.mpf(p))
        x += mp.sign(x or 1) * (tail - want) * mp.sqrt(2 * mp.pi) * mp.exp(x * x / 2)
    assert abs(x - guess) <= 1e-9 * max(1, abs(x)), (p, guess, x)
    return x


def anytime_lower(h, t, alpha):
    """Krichevsky-Trofimov: the p < h/t with ln wealth = ln 1/alpha, by bisection."""
    mixture = mp.log(mp.beta(h + mp.mpf(1) / 2, t - h + mp.mpf(1) / 2)) - mp.log(mp.pi)
    low, high = mp.mpf(0), mp.mpf(h) / t
    if h == 0:
        return low
    threshold = -mp.log(mp.mpf(alpha))
    for _ in range(120):
        p = (low + high) / 2
        wealth = mixture - h * mp.log(p) - ((t - h) * mp.log1p(-p) if t > h else 0)
        low, high = (p, high) if wealth > threshold else (low, p)
    return low


def looks(first, n):
    """Draws at the looks of a rule: each at least 15 % on from the last, in steps of 64, up to 3/4 of n, and all n."""
    found, draws = [], first
    while 4 * draws <= 3 * n:
        found.append(draws)
        draws = 64 * -(-(draws * 115) // 6400)
    return [*found, n]


def spent_lower(k, t, n, alpha, first, early):
    """A share of alpha in equal parts for the looks before the last one, the rest for it; Clopper-Pearson at each."""
    before = len(looks(first, n)) - 1
    part = mp.mpf(early) / before if t < n else 1 - mp.mpf(early)
    return lower_bound(k, t, float(mp.mpf(alpha) * part))


PROBABILITIES = (
    [0.5, 0.5 + 1e-15, 0.5 + 1e-12, 0.5000001, 0.501, 0.51, 0.6, 0.75, 0.8413, 0.9, 0.95, 0.974999, 0.975, 0.975001]
    + [0.99, 0.999, 0.9999, 0.99993092, 1 - 1e-6, 1 - 1e-9, 1 - 1e-12, 1 - 2.0**-53]
    + [0.4999999, 0.4, 0.25, 0.1, 0.025, 0.0249999, 0.01, 1e-3, 1e-6, 1e-9, 1e-12, 1e-50, 1e-300]
)

golden = {
    "header": "Made by tools/golden/confidence.py: SciPy %s, polished to 50 digits with mpmath %s. Do not edit."
    % (scipy.__version__, mp.__version__),
    "clopperPearsonLower": [
        {"k": k, "n": n, "alpha": a, "value": float(lower_bound(k, n, a))}
        for n in DRAWS for k in counts(n) for a in ALPHAS
    ],
    "normalQuantile": [{"p": p, "value": float(normal_quantile(p))} for p in PROBABILITIES],
    "anytimeLower": [
        {"k": k, "n": n, "alpha": a, "value": float(anytime_lower(k, n, a))}
        for n in DRAWS for k in counts(n) for a in [0.1, 0.001]
    ],
    "spentLower": [
        {"k": k, "draws": t, "n": n, "alpha": a, "first": first, "early": early,
         "value": float(spent_lower(k, t, n, a, first, early))}
        for first, early in [(128, 1 / 2), (512, 1 / 8)]
        for n in [1000, 100_000] for t in [looks(first, n)[2], n]
        for k in counts(t) for a in [0.1, 0.001]
    ],
    "binomialUpperTail": [
        {"k": k, "n": n, "p": p, "value": float(upper_tail(k, n, p))}
        for n, k, p in [
            (1, 1, 0.3), (10, 7, 0.5), (100, 60, 0.5), (100, 40, 0.5), (1000, 999, 0.99), (100_000, 99_000, 0.989),
            (100_000, 50_200, 0.5), (100_000, 99_999, 0.9999), (1_000_000, 999_990, 0.99998),
            (10_000_000, 9_999_000, 0.99988), (10_000_000, 5_004_000, 0.5),
        ]
    ],
}
target = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "confidence.json"
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text(json.dumps(golden, indent=1) + "\n")
print(f"{sum(map(len, golden.values())) - len(golden['header'])} values to {target.relative_to(target.parents[2])}")
