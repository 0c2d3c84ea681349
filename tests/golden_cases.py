"""Each method on the golden data of its reference (tests/golden/README.md): one micro-batch is one
rollout.

    python -m tests.golden_cases     the largest differences, as docs/methods/README.md shows them

`CHECKS` maps a method's name to functions that compare one kind of golden number. Each takes a
function that builds the method from its settings, so that a test can change a setting on the way,
and yields (what, difference, tolerance).
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, tensor

from methods import (
    CEGPPO,
    CISPO,
    QAE,
    SIREN,
    STARE,
    STEER,
    AEnt,
    AnyMethod,
    ClipCov,
    Control,
    EightyTwenty,
    Entrocraft,
    EntroPIC,
    EntropyAdvantage,
    FixedCoefficient,
    KLCov,
    Rollout,
    Shape,
    Signals,
    Skywork,
)
from methods.common.control import OwnEntropy, OwnSurrogate, is_shaping
from methods.common.objective import Loss, grpo_objective
from methods.common.tokens import covariance
from methods.entropic import pull
from methods.qae import quantile_advantage
from methods.siren import peak_entropy, peak_tokens
from methods.steer import FORMS, entropy_change

FOLDER = Path(__file__).parent / "golden"
EXACT, SMALL_DENOMINATOR, FLOAT32 = 1e-12, 1e-8, 3e-5
Difference = tuple[str, float, float]  # what, how far off, how far it may be
Build = Callable[..., Any]  # a method from its class and settings


@cache
def golden(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


class Batch(NamedTuple):
    """The inputs of a file, float64."""

    logits: Tensor  # (B, T, V), a leaf
    old_logits: Tensor
    tokens: Tensor
    mask: Tensor
    reward: Tensor
    advantage: Tensor
    accuracy: Tensor
    group: Tensor
    old_logp: Tensor
    old_entropy: Tensor

    def logp(self, logits: Tensor) -> Tensor:
        return logits.log_softmax(-1).gather(-1, self.tokens.unsqueeze(-1)).squeeze(-1)

    def rollout(self, method: Any, uniform: Tensor | None = None, old: bool = False) -> Rollout:
        """What a scoring pass would show; old: under the old policy."""
        logits = (self.old_logits if old else self.logits).detach()
        entropy_BT = entropy_of(method, logits)
        mean = (entropy(logits) * self.mask).sum() / self.mask.sum()
        return Rollout(
            number=1,
            planned=10,
            reward_B=self.reward,
            accuracy_B=self.accuracy,
            advantage_B=self.advantage,
            group_B=self.group,
            mask_BT=self.mask,
            logp_BT=self.logp(logits),
            entropy_BT=entropy_BT,
            entropy=mean.item(),
            uniform_BT=torch.zeros_like(self.mask) if uniform is None else uniform,
        )


def batch_of(file: dict[str, Any], dtype: torch.dtype = torch.float64) -> Batch:
    given = golden(file["inputs"])
    names = ("reward", "advantage_B", "accuracy_B", "group", "old_logp", "old_entropy")
    whole = {"tokens", "group"}
    values = {
        name: tensor(given[name], dtype=torch.long if name in whole else dtype)
        for name in ("logits", "old_logits", "tokens", "mask", *names)
    }
    return Batch(
        values["logits"].requires_grad_(),
        *list(values.values())[1:4],
        *(values[name] for name in names),
    )


def entropy(logits: Tensor) -> Tensor:
    logp = logits.log_softmax(-1)
    return -(logp.exp() * logp).sum(-1)


def entropy_of(method: Any, logits: Tensor) -> Tensor:
    """(B, T), of the method's own kind."""
    if not isinstance(method, OwnEntropy):
        return entropy(logits)
    return method.entropy_of(logits.flatten(0, 1)).view(logits.shape[:2])


class Result(NamedTuple):
    loss: Loss
    grad_logits: Tensor
    grad_logp: Tensor


def evaluate(
    method: Any,
    batch: Batch,
    shape: Shape,
    control: Control | None = None,
    old_logp: Tensor | None = None,
) -> Result:
    """Loss and gradients of one micro-batch that is the whole rollout."""
    logits = batch.logits.detach().clone().requires_grad_()
    logp = batch.logp(logits)
    logp.retain_grad()
    loss = grpo_objective(
        logp,
        batch.old_logp if old_logp is None else old_logp,
        batch.advantage,
        entropy_of(method, logits),
        batch.mask,
        control or method.control(method.init(), batch.accuracy),
        batch.mask.sum(),
        shape=shape,
        own=method if isinstance(method, OwnSurrogate) else None,
    )
    loss.total.backward()
    assert logits.grad is not None
    assert logp.grad is not None
    return Result(loss, logits.grad, logp.grad)


def far(found: Any, expected: Any) -> float:
    """Largest difference of any element."""
    a, b = (torch.as_tensor(value, dtype=torch.float64) for value in (found, expected))
    return (a - b).abs().max().item()


def compared(result: Result, out: dict[str, Any], tolerance: float) -> Iterator[Difference]:
    yield "loss", far(result.loss.total.detach(), out["loss"]), tolerance
    yield "gradient", far(result.grad_logits, out["grad_logits"]), tolerance
    yield "gradient", far(result.grad_logp, out["grad_logp"]), tolerance


def whole(
    name: str,
    make: Callable[[dict[str, Any], Build], AnyMethod],
    tolerance: float = SMALL_DENOMINATOR,
    chosen: Callable[[dict[str, Any], Shape, Batch], Iterator[Difference]] | None = None,
) -> Callable[[Build], Iterator[Difference]]:
    """Compares loss, gradients and, by `chosen`, the levers of every case of a file."""

    def check(build: Build) -> Iterator[Difference]:
        file = golden(name)
        for case in file["cases"]:
            batch, method = batch_of(file), make(case["hyper"], build)
            shape = Shape()
            if is_shaping(method):
                shape = method.shape(method.init(), batch.rollout(method))
            yield from compared(evaluate(method, batch, shape), case["out"], tolerance)
            if chosen:
                yield from chosen(case["out"], shape, batch)

    return check


# ---- skywork, and the fixed coefficient


def skywork_trace(build: Build) -> Iterator[Difference]:
    for trace in golden("skywork_adaptive")["controller_traces"]:
        hyper, rows = trace["hyper"], trace["rows"]
        method = build(
            Skywork,
            target=hyper["target_ent"],
            delta=hyper["delta_ent_coef"],
            c_0=hyper["init_ent_coef"],
            c_min=hyper["min_ent_coef"],
            c_max=hyper["max_ent_coef"],
        )
        state = method.init()
        yield "controller", far(applied(method, state), rows[0]["applied_next"]), EXACT
        for row in rows[1:]:
            state = method.observe(state, Signals(1, row["entropy"], tensor([0.5])))
            yield "controller", far(state["coefficient"], row["coefficient"]), EXACT
            yield "controller", far(applied(method, state), row["applied_next"]), EXACT


def trl_trace(build: Build) -> Iterator[Difference]:
    for trace in golden("trl_entropy")["controller_traces"]:
        hyper = trace["hyper"]
        method = build(
            Skywork,
            target=hyper["entropy_target"],
            delta=hyper["entropy_coef_delta"],
            c_0=hyper["start"],
            c_min=hyper["entropy_coef_min"],
            c_max=hyper["entropy_coef_max"],
            variant="trl",
        )
        state = method.init()
        for row in trace["rows"]:
            yield "controller", far(applied(method, state), row["applied"]), EXACT
            state = method.observe(state, Signals(1, row["entropy"], tensor([0.5])))
            yield "controller", far(state["coefficient"], row["coefficient_after"]), EXACT


def applied(method: Any, state: dict[str, float]) -> float:
    return method.control(state, torch.zeros(1, dtype=torch.float64)).weight_B.item()


def skywork_loss(build: Build) -> Iterator[Difference]:
    """The bonus of a coefficient and a gate that the files give."""
    for name in ("skywork_adaptive", "trl_entropy"):
        file = golden(name)
        for case in file["cases"]:
            hyper, batch = case["hyper"], batch_of(file)
            gate = hyper.get("enabled", hyper.get("gate_on") is not False)
            method = build(Skywork, clip=clip_of(hyper))
            state = {"coefficient": hyper.get("coefficient", hyper.get("entropy_coef"))}
            control = method.control(state | {"gate": float(gate)}, batch.accuracy)
            result = evaluate(method, batch, Shape(), control)
            yield from compared(result, case["out"], SMALL_DENOMINATOR)


def clip_of(hyper: dict[str, Any]) -> tuple[float, float]:
    clip = hyper["clip"]
    return tuple(clip) if isinstance(clip, list) else (clip, clip)


def fixed_loss(build: Build) -> Iterator[Difference]:
    file = golden("trl_entropy")
    for case in file["cases"]:
        if not case["hyper"]["adaptive"]:
            method = build(FixedCoefficient, coefficient=case["hyper"]["entropy_coef"])
            result = evaluate(method, batch_of(file), Shape())
            yield from compared(result, case["out"], EXACT)


# ---- methods with another advantage


def qae(build: Build) -> Iterator[Difference]:
    """The README's line; the paper's rule is checked by hand in tests/methods/test_golden.py."""
    for case in golden("qae")["cases"]:
        hyper = case["hyper"]
        method = build(QAE, K=hyper["K"], delta=hyper["epsilon"], baseline="interpolated")
        if "inputs" in case:
            reward = tensor(case["inputs"]["reward"], dtype=torch.float64)
            seen = rewarded(reward, tensor(case["inputs"]["group"]))
            yield "advantage", far(method.shape({}, seen).advantage, case["advantage"]), EXACT
            continue
        for row in case["rows"]:
            wrong = hyper["G"] - row["correct"]
            reward = tensor([1.0] * row["correct"] + [0.0] * wrong, dtype=torch.float64)
            found = quantile_advantage(reward, method.K, method.delta, method.baseline)
            if row["correct"]:
                yield "advantage", far(found[0], row["advantage_correct"]), EXACT
            if wrong:
                yield "advantage", far(found[-1], row["advantage_wrong"]), EXACT


def rewarded(reward: Tensor, group: Tensor, entropy: float = 0.0, **changes: Any) -> Rollout:
    """A rollout of which only rewards and the mean entropy are looked at."""
    nothing = torch.zeros(len(reward), 1, dtype=reward.dtype)
    seen = Rollout(
        0, 1, reward, reward, reward, group, nothing, nothing, nothing, entropy, nothing
    )  # fmt: skip
    return seen._replace(**changes)


def shaped(out: dict[str, Any], shape: Shape, batch: Batch) -> Iterator[Difference]:
    assert shape.advantage is not None
    yield "advantage", far(shape.advantage * batch.mask, out["advantages"]), EXACT


def entrocraft(build: Build) -> Iterator[Difference]:
    file = golden("entrocraft")
    reward = tensor(file["inputs"]["reward"], dtype=torch.float64)
    group = tensor(file["inputs"]["group"])
    schedules = {"_linear_": "linear", "_cos_": "cosine"}
    for case in file["cases"]:
        hyper = case["hyper"]
        schedule = next((s for key, s in schedules.items() if key in case["function"]), "constant")
        lower, upper = (
            ((bound,) * 2 for bound in hyper["band"])
            if schedule == "constant"
            else (hyper["lower"], hyper["upper"])
        )
        method = build(Entrocraft, lower=tuple(lower), upper=tuple(upper), schedule=schedule)
        signed = 2 * reward - 1
        rows = signed.view(-1, 4)
        normal = (rows - rows.mean(1, keepdim=True)) / (rows.std(1, keepdim=True) + 1e-6)
        at = {"number": hyper.get("step", 0), "planned": hyper.get("total_steps", 1)}
        seen = rewarded(reward, group, hyper["entropy"], advantage_B=normal.flatten(), **at)
        found = method.shape(method.init(), seen)
        yield "advantage", far(found.advantage, case["advantage_B"]), EXACT


# ---- methods that choose tokens


def drawn_first(batch: Batch, low: float, high: float, count: int) -> Tensor:
    """Numbers that make Clip-Cov draw the tokens that the reference drew: its candidates in the
    order of torch.randperm after manual_seed(0).
    """
    advantage = batch.advantage.unsqueeze(1) * batch.mask
    cov = covariance(batch.logp(batch.logits.detach()), advantage, batch.mask)
    where = ((cov > low) & (cov < high) & batch.mask.bool()).flatten().nonzero().squeeze(1)
    torch.manual_seed(0)
    order = torch.randperm(len(where))
    uniform = torch.ones(batch.mask.numel(), dtype=batch.mask.dtype)
    uniform[where[order[:count]]] = torch.arange(min(count, len(where))).double() / len(where) / 2
    return uniform.view_as(batch.mask)


def clip_cov(build: Build) -> Iterator[Difference]:
    for name in ("clip_cov.entmech", "clip_cov.on_policy"):
        file = golden(name)
        for case in file["cases"]:
            hyper, batch = case["hyper"], batch_of(file)
            method = build(
                ClipCov,
                rho=hyper["clip_ratio"],
                omega_low=hyper["clip_cov_lb"],
                omega_high=hyper["clip_cov_ub"],
                clip=(hyper["cliprange_low"], hyper["cliprange_high"]),
            )
            count = max(int(hyper["clip_ratio"] * 55), 1)
            uniform = drawn_first(batch, hyper["clip_cov_lb"], hyper["clip_cov_ub"], count)
            shape = method.shape(method.init(), batch.rollout(method, uniform))
            yield from compared(evaluate(method, batch, shape), case["out"], SMALL_DENOMINATOR)


def kl_cov(build: Build) -> Iterator[Difference]:
    for name in ("kl_cov.entmech", "kl_cov.on_policy"):
        file = golden(name)
        for case in file["cases"]:
            hyper, batch = case["hyper"], batch_of(file)
            method = build(KLCov, k=hyper["k_percent"] / 100, beta=hyper["ppo_kl_coef"])
            shape = method.shape(method.init(), batch.rollout(method))
            yield from compared(evaluate(method, batch, shape), case["out"], SMALL_DENOMINATOR)


def kept(out: dict[str, Any], shape: Shape, batch: Batch) -> Iterator[Difference]:
    assert shape.weight_BT is not None
    yield "selection", far(shape.weight_BT * batch.mask, out["kept"]), 0.0


def steer(build: Build) -> Iterator[Difference]:
    """p of the current policy beside π_old, as the reference; `shape` has both from one pass."""
    file = golden("steer")
    for case in file["cases"]:
        hyper = case["hyper"]
        single = "float32" in case["dtype"].split("(")[0]
        batch = batch_of(file, torch.float32 if single else torch.float64)
        method = build(
            STEER,
            form="linear" if hyper["linear"] else "exp",
            w_min=hyper["token_weight_min"],
            w_max=hyper["token_weight_max"],
            clip=(hyper["cliprange_low"], hyper["cliprange_high"]),
        )
        size = entropy_change(
            batch.advantage.unsqueeze(1) * batch.mask,
            batch.logp(batch.logits.detach()),
            batch.old_logp,
            batch.old_entropy,
        )
        weight = FORMS[method.form](size, batch.mask.bool(), method.w_min, method.w_max)
        tolerance = FLOAT32 if single else SMALL_DENOMINATOR
        counted = batch.mask.bool()
        expected = tensor(case["out"]["token_weights"], dtype=torch.float64)
        yield "selection", far(weight[counted], expected[counted]), tolerance
        result = evaluate(method, batch, Shape(weight_BT=weight))
        yield from (
            (what, off, tolerance) for what, off, _ in compared(result, case["out"], tolerance)
        )


def stare(build: Build) -> Iterator[Difference]:
    file = golden("stare")
    for case in file["cases"]:
        hyper, batch = case["hyper"], batch_of(file)
        method = build(
            STARE,
            P=hyper["top_p_ratio"],
            W=hyper["reweight_w"],
            M=hyper["reweight_m"],
            variant=hyper["variant"],
            target=100.0 if hyper["gate_on"] else 0.0,
            clip=clip_of(hyper),
        )
        shape = method.shape(method.init(), batch.rollout(method))
        counted = batch.mask.bool()
        expected = tensor(case["out"]["token_weights"], dtype=torch.float64)
        assert shape.weight_BT is not None
        yield "selection", far(shape.weight_BT[counted], expected[counted]), 0.0
        yield from compared(evaluate(method, batch, shape), case["out"], EXACT)


def stare_trace(build: Build) -> Iterator[Difference]:
    batch = batch_of(golden("stare"))
    for trace in golden("stare")["controller_traces"]:
        hyper = trace["hyper"]
        bounds = {"W_max": hyper["w_max"], "M_min": hyper["m_min"]} if "w_max" in hyper else {}
        method = build(
            STARE,
            target=hyper["target_entropy"],
            W=hyper["reweight_w"],
            M=hyper["reweight_m"],
            adaptive=hyper["adaptive"],
            a=hyper["alpha"],
            **bounds,
        )
        state = method.init()
        for row in trace["rows"]:
            seen = batch.rollout(method)._replace(entropy=row["entropy"])
            shape = method.shape(state, seen)
            assert shape.weight_BT is not None
            state = method.observe(
                state, Signals(1, row["entropy"], batch.accuracy, None, shape.note)
            )
            yield "controller", far(state["W"], row["reweight_w"]), EXACT
            yield "controller", far(state["M"], row["reweight_m"]), EXACT
            acted = bool((shape.weight_BT != 1).any())
            yield "controller", far(acted, row["gate_on"] and row["reweight_w"] != 1), EXACT


def entropic(build: Build) -> Iterator[Difference]:
    file = golden("entropic")
    for case in file["cases"]:
        hyper, batch = case["hyper"], batch_of(file)
        method = build(EntroPIC, threshold=hyper["high_prob_thresh"], clip=clip_of(hyper))
        logp = batch.logp(batch.logits.detach())
        lever = pull(batch.advantage, logp, batch.mask, hyper["control_alpha"], method.threshold)
        if hyper["control_alpha"]:
            yield "selection", far((lever != 0) * 1.0, case["out"]["selected"]), 0.0
        yield from compared(evaluate(method, batch, Shape(pull_BT=lever)), case["out"], EXACT)


def entropic_trace(build: Build) -> Iterator[Difference]:
    batch = batch_of(golden("entropic"))
    for trace in golden("entropic")["controller_traces"]:
        hyper = trace["hyper"]
        method = build(EntroPIC, K_p=hyper["K_p"], K_i=hyper["K_i"], target=hyper["target"])
        state = method.init()
        for row in trace["rows"]:
            seen = batch.rollout(method)._replace(entropy=row["entropy"])
            note = method.shape(state, seen).note
            yield "controller", far(note["alpha"], row["control_alpha"]), EXACT
            state = method.observe(state, Signals(1, row["entropy"], batch.accuracy, None, note))
            yield "controller", far(state["integral"], row["accumulated_error_after"]), EXACT


def entropic_port(build: Build) -> Iterator[Difference]:
    file = golden("entropic.entrocraft_port")
    reward = tensor(file["inputs"]["reward"], dtype=torch.float64)
    hyper = file["hyper"]
    method = build(
        EntroPIC, K_p=hyper["K_p"], K_i=hyper["K_i"], target=hyper["target"], form="entrocraft"
    )
    state, batch = method.init(), batch_of(golden("entropic"))
    for row in file["trace"]:
        seen = batch.rollout(method)._replace(entropy=row["entropy"], reward_B=reward)
        shape = method.shape(state, seen)
        yield "advantage", far(shape.advantage, row["advantage_B"]), EXACT
        state = method.observe(state, Signals(1, row["entropy"], reward, None, shape.note))
        yield "controller", far(method.K_i * state["integral"], row["next_last_alpha"]), EXACT


# ---- methods with another entropy


def aent(build: Build) -> Iterator[Difference]:
    """The mean of the clamped entropy, and its gradient: the bonus without its coefficient."""
    file = golden("aent")
    for case in file["cases"]:
        batch = batch_of(file)
        method = build(AEnt, p=case["hyper"]["entropy_clamp"])
        out, counted = case["out"], batch.mask.bool()
        found = entropy_of(method, batch.logits.detach())
        expected = tensor(out["clamped_entropy"], dtype=torch.float64)
        yield "entropy", far(found[counted], expected[counted]), EXACT
        still = batch._replace(advantage=torch.zeros_like(batch.advantage))
        unit = Control(torch.ones_like(batch.accuracy), method.clip)
        result = evaluate(method, still, Shape(), unit)
        yield "loss", far(result.loss.bonus.detach(), out["mean"]), EXACT
        yield "gradient", far(-result.grad_logits, out["grad_logits"]), EXACT


def aent_trace(build: Build) -> Iterator[Difference]:
    for trace in golden("aent")["controller_traces"]:
        hyper = trace["hyper"]
        method = build(
            AEnt,
            c_0=hyper["entropy_coeff"],
            H_low=hyper["entropy_low"],
            H_high=hyper["entropy_high"],
            eta=hyper["coeff_lr"],
            c_low=hyper["coeff_box_low"],
            c_high=hyper["coeff_box_high"],
            warmup=0,
        )
        state = method.init()
        for row in trace["rows"]:
            seen = Signals(1, 9.0, tensor([0.5]), own_entropy=row["clamped_entropy"])
            state = method.observe(state, seen)
            yield "controller", far(state["coefficient"], row["coefficient_after"]), EXACT


def siren(build: Build) -> Iterator[Difference]:
    """Gradient of the squared term alone, and of the whole loss with SIREN's own normaliser as a
    constant weight.
    """
    file = golden("siren")
    for case in file["cases"]:
        hyper, out, batch = case["hyper"], case["out"], batch_of(file)
        method = build(
            SIREN,
            beta=hyper["coef"],
            top_p=hyper["entropy_topp"],
            top_k=hyper["entropy_topk"],
            quantile=hyper["mask_ratio"],
            clip=clip_of(hyper),
        )
        counted = batch.mask.bool()
        seen, before = batch.rollout(method), batch.rollout(method, old=True)
        expected = tensor(out["nucleus_entropy"], dtype=torch.float64)
        yield "entropy", far(seen.entropy_BT[counted], expected[counted]), SMALL_DENOMINATOR
        mask = peak_tokens(seen.entropy_BT, seen.mask_BT, method.quantile)
        yield "selection", far(mask, tensor(out["first_mask"]) * batch.mask), 0.0
        kept_before = peak_tokens(before.entropy_BT, before.mask_BT, method.quantile)
        anchor = peak_entropy(before.entropy_BT, kept_before).item()
        yield "entropy", far(anchor, out["anchor"]), SMALL_DENOMINATOR
        shape = method.shape({"anchor": anchor}, seen)
        yield "entropy", far(shape.note["peak_entropy"], out["m"]), SMALL_DENOMINATOR
        still = batch._replace(advantage=torch.zeros_like(batch.advantage))
        result = evaluate(method, still, shape)
        # The file's gradient is that of (M - M_0)², ours has β in it.
        squared = hyper["coef"] * tensor(out["grad_mse_logits"], dtype=torch.float64)
        yield "gradient", far(result.grad_logits, squared), SMALL_DENOMINATOR
        B, T = batch.mask.shape
        constant = torch.full_like(batch.mask, batch.mask.sum().item() / (B * T))
        whole_loss = evaluate(method, batch, shape._replace(weight_BT=constant))
        yield "loss", far(whole_loss.loss.policy.detach(), out["pg_loss"]), SMALL_DENOMINATOR
        yield "gradient", far(whole_loss.grad_logits, out["grad_logits"]), SMALL_DENOMINATOR
        yield "gradient", far(whole_loss.grad_logp, out["grad_logp"]), SMALL_DENOMINATOR


# ---- methods with another surrogate


CHECKS: dict[str, list[Callable[[Build], Iterator[Difference]]]] = {
    "fixed_coefficient": [fixed_loss],
    "skywork": [skywork_loss, skywork_trace, trl_trace],
    "qae": [qae],
    "entropy_advantage": [
        whole(
            "entropy_advantage",
            lambda hyper, build: build(
                EntropyAdvantage, alpha=hyper["alpha"], kappa=hyper["kappa"], clip=clip_of(hyper)
            ),
            chosen=shaped,
        )
    ],
    "eighty_twenty": [
        whole(
            "eighty_twenty.trl",
            lambda hyper, build: build(
                EightyTwenty, rho=hyper["top_entropy_quantile"], clip=clip_of(hyper)
            ),
            EXACT,
            kept,
        )
    ],
    "clip_cov": [clip_cov],
    "kl_cov": [kl_cov],
    "stare": [stare, stare_trace],
    "steer": [steer],
    "entrocraft": [entrocraft],
    "entropic": [entropic, entropic_trace, entropic_port],
    "aent": [aent, aent_trace],
    "siren": [siren],
    "ce_gppo": [
        whole(
            "ce_gppo",
            lambda hyper, build: build(
                CEGPPO,
                beta1=hyper["beta1"],
                beta2=hyper["beta2"],
                c=hyper["clip_ratio_c"],
                clip=clip_of(hyper),
            ),
        )
    ],
    "cispo": [
        whole(
            "cispo",
            lambda hyper, build: build(
                CISPO, clip=(hyper["clip_ratio_low"], hyper["clip_ratio_high"])
            ),
            EXACT,
        )
    ],
}


def as_given(cls: Any, **settings: Any) -> Any:
    """The method with the settings of the file."""
    return cls(**settings)


def differences(name: str, build: Build = as_given) -> list[Difference]:
    return [found for check in CHECKS[name] for found in check(build)]


def largest(name: str, *kinds: str) -> float | None:
    """Of float64 cases; None = the reference has no output of these kinds."""
    found = [off for what, off, most in differences(name) if what in kinds and most < FLOAT32]
    return max(found, default=None)


def main() -> None:
    for name in CHECKS:
        kinds = sorted({what for what, _, _ in differences(name)})
        print(name, {kind: f"{largest(name, kind):.1e}" for kind in kinds})


if __name__ == "__main__":
    main()
