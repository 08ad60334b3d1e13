"""Golden values of the training losses and optimizers: writes test/fixtures/training-losses.json.

    python -m pip install torch scipy
    python tools/golden/losses.py

The losses are written out here once more, in float64 and straight from the formulas of the papers, and differentiated by
PyTorch: values and gradients for a linear right half, logits = flatten(latent) W + b. The optimizers are torch.optim's own,
Φ⁻¹ is SciPy's. Nothing at run time or in the tests needs Python.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats

BATCH, LATENT, CLASSES, DRAWS = 4, (2, 3, 2), 5, 4
SIZE = int(np.prod(LATENT))
NORMAL = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
torch.set_default_dtype(torch.float64)
random = np.random.default_rng(20240607)


def numbers(array):
    return [float(x) for x in np.asarray(array, dtype=np.float64).ravel()]


def normal(*shape, scale=1.0):
    """Four decimals: the same numbers in the file and here."""
    return torch.tensor(np.round(scale * random.standard_normal(shape), 4))


def uniform(*shape):
    return torch.tensor(np.round(random.uniform(0, 1, shape), 4))


class Problem:
    """A right half, clean latents, noise of all draws and labels."""

    def __init__(self, scale):
        self.latent = uniform(BATCH, *LATENT).requires_grad_()
        self.noise = normal(DRAWS * BATCH, *LATENT, scale=0.4)
        self.weights = normal(SIZE, CLASSES, scale=scale).requires_grad_()
        self.bias = normal(CLASSES, scale=0.1).requires_grad_()
        self.uniforms = uniform(BATCH)
        # All images but the last have the label that the network finds likeliest, so that every mask is of both kinds.
        sharp = F.softmax(16 * self.draws(self.latent, DRAWS), -1).mean(0).detach()
        self.labels = sharp.argmax(-1)
        self.labels[-1] = (self.labels[-1] + 1) % CLASSES

    def logits(self, latent):
        return latent.reshape(-1, SIZE) @ self.weights + self.bias

    def draws(self, latent, draws):
        """[Q, B, K]"""
        noisy = latent.unsqueeze(0) + self.noise[: draws * BATCH].reshape(draws, BATCH, *LATENT)
        return self.logits(noisy.reshape(draws * BATCH, *LATENT)).reshape(draws, BATCH, CLASSES)

    def json(self):
        return {
            "latent": numbers(self.latent.detach()),
            "noise": numbers(self.noise),
            "weights": numbers(self.weights.detach()),
            "bias": numbers(self.bias.detach()),
            "uniforms": numbers(self.uniforms),
            "labels": [int(y) for y in self.labels],
        }


def cross_entropy(logits, labels):
    """mean over draws and images"""
    return F.cross_entropy(logits.reshape(-1, CLASSES), labels.repeat(len(logits)))


def gaussian(problem, s):
    return cross_entropy(problem.draws(problem.latent, s["draws"]), problem.labels), 0.0


def consistency(problem, s):
    logits = problem.draws(problem.latent, s["draws"])
    p = F.softmax(logits, -1)
    mean = p.mean(0)
    kl = (mean * (mean.log() - F.log_softmax(logits, -1))).sum(-1).mean()
    entropy = -(mean * mean.log()).sum(-1).mean()
    return cross_entropy(logits, problem.labels), s["lambda"] * kl + s["eta"] * entropy


def adversary(problem, s, limits):
    z = problem.latent.detach()
    for _ in range(s["steps"]):
        z = z.requires_grad_()
        mean = F.softmax(problem.draws(z, s["draws"]), -1).mean(0)
        loss = -mean[torch.arange(BATCH), problem.labels].log().sum()
        (g,) = torch.autograd.grad(loss, [z])
        norm = g.reshape(BATCH, -1).norm(dim=1).reshape(BATCH, 1, 1, 1)
        z = (z + s["alpha"] * g / (norm + 1e-8)).detach()
        if limits is not None:
            z = z.clamp(*limits)
    return z


def smoothmix(problem, s, limits):
    logits = problem.draws(problem.latent, s["draws"])
    mean = F.softmax(logits, -1).mean(0)
    u = problem.uniforms / 2
    far = adversary(problem, s, limits)
    share = u.reshape(BATCH, 1, 1, 1)
    mixed = problem.draws((1 - share) * problem.latent + share * far, s["draws"])
    label = (1 - u)[:, None] * mean + u[:, None] / CLASSES
    kl = (label * (label.log() - F.log_softmax(mixed, -1))).sum(-1).mean(0)
    right = (mean.argmax(-1) == problem.labels).double()
    assert 0 < right.sum() < BATCH
    return cross_entropy(logits, problem.labels), s["eta"] * (right * kl).mean()


def macer(problem, s, sigma):
    logits = problem.draws(problem.latent, s["draws"])
    index = torch.arange(BATCH)
    classification = -F.softmax(logits, -1).mean(0)[index, problem.labels].log().mean()
    mean = F.softmax(s["beta"] * logits, -1).mean(0)
    top, place = mean.topk(2)
    right = (place[:, 0] == problem.labels).double()
    gap = NORMAL.icdf(top[:, 0]) - NORMAL.icdf(top[:, 1])
    hinge = F.relu(s["gamma"] - gap)
    assert 0 < right.sum() < BATCH and (right * hinge).max() > 0 and torch.isfinite(gap).all()
    return classification, s["lambda"] * sigma / 2 * (right * hinge).mean()


LOSSES = [
    # (scale of the weights, settings, strength, range of the latent)
    (0.6, {"kind": "gaussian", "draws": 1}, 1, None),
    (0.6, {"kind": "gaussian", "draws": 3}, 1, None),
    (0.6, {"kind": "consistency", "draws": 2, "lambda": 5, "eta": 0.5}, 1, None),
    (0.6, {"kind": "consistency", "draws": 4, "lambda": 10, "eta": 0.5}, 0.3, None),
    (4, {"kind": "consistency", "draws": 3, "lambda": 5, "eta": 2}, 1, None),
    (0.6, {"kind": "smoothmix", "draws": 2, "steps": 3, "alpha": 0.5, "eta": 5}, 1, None),
    (1.5, {"kind": "smoothmix", "draws": 4, "steps": 4, "alpha": 1, "eta": 1}, 0.7, [0, 1]),
    (0.3, {"kind": "macer", "draws": 4, "lambda": 16, "gamma": 8, "beta": 4}, 1, None),
    (0.3, {"kind": "macer", "draws": 4, "lambda": 6, "gamma": 2, "beta": 2}, 0.5, None),
]


def loss_cases():
    for scale, settings, strength, limits in LOSSES:
        problem, sigma = Problem(scale), 0.4
        kind = settings["kind"]
        if kind == "smoothmix":
            base, added = smoothmix(problem, settings, limits)
        elif kind == "macer":
            base, added = macer(problem, settings, sigma)
        else:
            base, added = {"gaussian": gaussian, "consistency": consistency}[kind](problem, settings)
        loss = base + strength * added
        leaves = [problem.latent, problem.weights, problem.bias]
        gradients = torch.autograd.grad(loss, leaves)
        yield {
            "settings": settings,
            "strength": strength,
            "latentRange": limits,
            "sigma": sigma,
            **problem.json(),
            "loss": float(loss.detach()),
            "gradients": dict(zip(["latent", "weights", "bias"], map(numbers, gradients))),
            "logits": numbers(problem.draws(problem.latent, settings["draws"]).detach()),
        }


SHAPES = {"conv/weight": (2, 3), "conv/bias": (3,)}
OPTIMIZERS = [
    {"kind": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0, "clipNorm": None},
    {"kind": "adam", "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-3, "weightDecay": 0.1, "clipNorm": 1.5},
    {"kind": "sgd", "momentum": 0.9, "weightDecay": 0, "clipNorm": None},
    {"kind": "sgd", "momentum": 0.5, "weightDecay": 0.05, "clipNorm": 1.5},
    {"kind": "sgd", "momentum": 0, "weightDecay": 0.05, "clipNorm": None},
]


def optimizer_cases():
    for settings in OPTIMIZERS:
        parameters = {name: normal(*shape).requires_grad_() for name, shape in SHAPES.items()}
        start = {name: numbers(p.detach()) for name, p in parameters.items()}
        decay = settings["weightDecay"]
        groups = [
            {"params": [parameters["conv/weight"]], "weight_decay": decay},
            {"params": [parameters["conv/bias"]], "weight_decay": 0},
        ]
        if settings["kind"] == "adam":
            betas = (settings["beta1"], settings["beta2"])
            optimizer = torch.optim.AdamW(groups, betas=betas, eps=settings["epsilon"])
        else:
            optimizer = torch.optim.SGD(groups, lr=1, momentum=settings["momentum"])
        steps = []
        for rate in [0.1, 0.1, 0.05, 0.02, 0.02, 0.01]:
            gradients = {name: normal(*shape) for name, shape in SHAPES.items()}
            for name, p in parameters.items():
                p.grad = gradients[name].clone()
            if settings["clipNorm"] is not None:
                torch.nn.utils.clip_grad_norm_(parameters.values(), settings["clipNorm"])
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            steps.append({
                "rate": rate,
                "gradients": {name: numbers(g) for name, g in gradients.items()},
                "after": {name: numbers(p.detach()) for name, p in parameters.items()},
            })
        yield {"settings": settings, "shapes": SHAPES, "start": start, "steps": steps}


def quantile_cases():
    """At float32 probabilities; on either side of the joints of the approximation too."""
    probabilities = [2e-11, 1e-10, 1e-8, 1e-6, 1e-4, 0.01, 0.0749, 0.0751, 0.3, 0.499, 0.5, 0.501, 0.7, 0.9249, 0.9251]
    probabilities += [0.99, 0.9999, 1 - 1e-6, 1 - 2**-24]
    for p in np.array(probabilities, dtype=np.float32).astype(np.float64):
        value = float(stats.norm.ppf(p))
        yield {"p": float(p), "value": value, "derivative": float(1 / stats.norm.pdf(value))}


golden = {
    "dims": {"batch": BATCH, "latent": LATENT, "classes": CLASSES},
    "losses": list(loss_cases()),
    "optimizers": list(optimizer_cases()),
    "quantiles": list(quantile_cases()),
}
path = pathlib.Path(__file__).parents[2] / "test" / "fixtures" / "training-losses.json"
path.write_text(json.dumps(golden) + "\n")
print(f"{path}: {len(golden['losses'])} losses, {len(golden['optimizers'])} optimizers, {len(golden['quantiles'])} quantiles")
