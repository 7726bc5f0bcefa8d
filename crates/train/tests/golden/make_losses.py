"""Losses and their gradients from TRL, PyTorch and sentence-transformers, run as they are.

Trainers are made without their constructors and given the few attributes that their loss reads; the
model is a stand-in that returns log-probabilities, logits or scores that gradients are taken of.
Everything is f64, except where the library itself casts to f32, which is undone.
Run: python make_losses.py > losses.json"""

import collections
import contextlib
import json
import platform
import types
from unittest import mock

import sentence_transformers
import torch
import transformers
import trl
from accelerate import Accelerator
from sentence_transformers.cross_encoder import CrossEncoder
from sentence_transformers.cross_encoder import losses as ce_losses
from sentence_transformers.sentence_transformer import losses as st_losses
from sentence_transformers.util import dot_score
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer

SEED = 11
torch.manual_seed(SEED)
torch.set_default_dtype(torch.float64)


def uniform(low, high, *shape):
    """Numbers that an f32 holds exactly."""
    return (torch.rand(*shape) * (high - low) + low).float().double()


@contextlib.contextmanager
def without_narrowing():
    """`.float()` keeps f64."""
    with mock.patch.object(torch.Tensor, "float", lambda self: self.double()):
        yield


class StandIn(torch.nn.Module):
    """Returns what it was given, whatever it is asked."""

    def __init__(self, **outputs):
        super().__init__()
        self.outputs = types.SimpleNamespace(**outputs)

    def forward(self, *_, **__):
        return self.outputs


def bare(cls, **attributes):
    """A trainer without its constructor."""
    trainer = cls.__new__(cls)
    defaults = {
        "accelerator": Accelerator(cpu=True),
        "aux_loss_enabled": False,
        "_metrics": {mode: collections.defaultdict(list) for mode in ("train", "eval")},
        "_total_train_tokens": 0,
        "_tp_size": 1,
        "precompute_ref_logps": True,
    }
    for name, value in (defaults | attributes).items():
        setattr(trainer, name, value)
    return trainer


def per_token(logps, lengths):
    """Log-probabilities of tokens whose sums are `logps`, and the mask of the completions."""
    longest = max(lengths)
    mask = torch.tensor([[0] + [1] * n + [0] * (longest - n) for n in lengths])
    tokens = torch.zeros(len(lengths), longest)
    for row, length in enumerate(lengths):
        tokens[row, :length] = logps[row] / length
    return tokens, mask


def sums_of(grad, lengths):
    """The derivative by a sum of tokens is that by any of its tokens."""
    return [grad[row, 0].item() for row in range(len(lengths))]


PAIRS = 6
CHOSEN = uniform(-40, -2, PAIRS)
REJECTED = uniform(-40, -2, PAIRS)
REF_CHOSEN = (CHOSEN + uniform(-8, 8, PAIRS)).float().double()
REF_REJECTED = (REJECTED + uniform(-8, 8, PAIRS)).float().double()
LENGTHS = [3, 7, 5, 12, 1, 9]
REJECTED_LENGTHS = [6, 2, 5, 8, 10, 4]


def dpo(loss_type, beta, divergence="reverse_kl", alpha=1.0, smoothing=0.0, tau=0.05):
    lengths = LENGTHS + REJECTED_LENGTHS
    tokens, mask = per_token(torch.cat([CHOSEN, REJECTED]), lengths)
    # TRL has a table of the largest exponents for f16, bf16 and f32 only.
    dtype = torch.float32 if divergence == "alpha_divergence" else torch.float64
    tokens = tokens.to(dtype).requires_grad_()
    model = StandIn(
        log_probs=tokens,
        entropy=torch.zeros_like(tokens),
        mean_logits=torch.zeros_like(tokens),
        is_top1=torch.zeros_like(tokens, dtype=torch.bool),
    )
    trainer = bare(
        trl.DPOTrainer,
        model=model,
        ref_model=None,
        ld_alpha=None,
        beta=beta,
        label_smoothing=smoothing,
        loss_types=[loss_type],
        loss_weights=[1.0],
        f_divergence_type=divergence,
        f_alpha_divergence_coef=alpha,
        use_weighting=False,
        args=types.SimpleNamespace(discopop_tau=tau),
    )
    inputs = {
        "input_ids": torch.zeros_like(mask),
        "attention_mask": torch.ones_like(mask),
        "completion_mask": mask,
        "ref_chosen_logps": REF_CHOSEN.to(dtype),
        "ref_rejected_logps": REF_REJECTED.to(dtype),
    }
    loss = trainer._compute_loss(model, inputs, False)
    (grad,) = torch.autograd.grad(loss, tokens)
    grad = sums_of(grad, lengths)
    metrics = trainer._metrics["train"]
    return {
        "loss": loss.item(),
        "chosen_grads": grad[:PAIRS],
        "rejected_grads": grad[PAIRS:],
        "accuracy": metrics["rewards/accuracies"][0],
        "margin": metrics["rewards/margins"][0],
    }


def reference_free(job, averaged):
    """Losses of log-probabilities, per token if `averaged`, without a reference model."""
    chosen, rejected = CHOSEN.clone().requires_grad_(), REJECTED.clone().requires_grad_()
    divide = (torch.tensor(LENGTHS), torch.tensor(REJECTED_LENGTHS)) if averaged else (1.0, 1.0)
    losses, chosen_rewards, rejected_rewards = job(chosen / divide[0], rejected / divide[1])[:3]
    loss = losses.mean()
    grads = torch.autograd.grad(loss, (chosen, rejected))
    return {
        "loss": loss.item(),
        "chosen_grads": grads[0].tolist(),
        "rejected_grads": grads[1].tolist(),
        "accuracy": (chosen_rewards > rejected_rewards).double().mean().item(),
        "margin": (chosen_rewards - rejected_rewards).mean().item(),
    }


def cpo(loss_type, beta, smoothing=0.0, gamma=0.5):
    trainer = bare(
        CPOTrainer,
        beta=beta,
        alpha=0.0,
        label_smoothing=smoothing,
        loss_type=loss_type,
        simpo_gamma=gamma,
    )
    return reference_free(trainer.cpo_loss, loss_type == "simpo")


def conservative_dpo(beta, smoothing):
    """TRL's DPO trainer has no smoothing; its CPO loss of log-ratios is the same function."""
    trainer = bare(
        CPOTrainer, beta=beta, alpha=0.0, label_smoothing=smoothing, loss_type="sigmoid"
    )
    return reference_free(
        lambda chosen, rejected: trainer.cpo_loss(chosen - REF_CHOSEN, rejected - REF_REJECTED),
        False,
    )


def orpo(beta):
    trainer = bare(ORPOTrainer, beta=beta)

    def job(chosen, rejected):
        losses, *rest = trainer.odds_ratio_loss(chosen, rejected)
        # The trainer subtracts them.
        return -losses, *rest

    with without_narrowing():
        return reference_free(job, True)


def kto(loss_type, beta, desirable, undesirable):
    labels = [True, False, True, True, False, False]
    tokens, mask = per_token(CHOSEN, LENGTHS)
    tokens.requires_grad_()
    kl_logps, kl_reference = uniform(-30, -5, PAIRS), uniform(-35, -10, PAIRS)
    model = StandIn(
        log_probs=tokens,
        entropy=torch.zeros_like(tokens),
        mean_logits=torch.zeros_like(tokens),
    )
    trainer = bare(
        trl.KTOTrainer,
        model=model,
        loss_type=loss_type,
        calculate_KL=loss_type == "kto",
        beta=beta,
        desirable_weight=desirable,
        undesirable_weight=undesirable,
        _compute_kl_logps=lambda *_: kl_logps,
    )
    batch = {
        "input_ids": torch.zeros_like(mask),
        "attention_mask": torch.ones_like(mask),
        "completion_mask": mask,
        "label": torch.tensor(labels),
        "ref_logps": REF_CHOSEN,
        "ref_KL_logps": kl_reference,
    }
    compute = getattr(trainer, "_compute_loss")
    loss = compute(model, batch, False)
    loss = loss[0] if isinstance(loss, tuple) else loss
    (grad,) = torch.autograd.grad(loss, tokens)
    return {
        "labels": labels,
        "kl_logps": kl_logps.tolist(),
        "kl_reference_logps": kl_reference.tolist(),
        "kl": trainer._metrics["train"]["kl"][0],
        "loss": loss.item(),
        "grads": sums_of(grad, LENGTHS),
        "chosen_reward": trainer._metrics["train"]["rewards/chosen"][0],
    }


def reward(center, with_margin):
    scores = uniform(-3, 3, 2 * PAIRS).requires_grad_()
    margin = uniform(0, 2, PAIRS)
    model = StandIn(logits=scores.unsqueeze(-1))
    trainer = bare(
        trl.RewardTrainer,
        model=model,
        args=types.SimpleNamespace(center_rewards_coefficient=center),
    )
    inputs = {"attention_mask": torch.ones(2 * PAIRS, 3, dtype=torch.long)}
    if with_margin:
        inputs["margin"] = margin
    loss = trainer.compute_loss(model, inputs)
    (grad,) = torch.autograd.grad(loss, scores)
    return {
        "scores": scores.tolist(),
        "margins": margin.tolist() if with_margin else [0.0] * PAIRS,
        "loss": loss.item(),
        "grads": grad.tolist(),
        "accuracy": trainer._metrics["train"]["accuracy"][0],
    }


def classification():
    rows, labels = 7, 5
    logits = uniform(-4, 4, rows, labels).requires_grad_()
    targets = torch.tensor([0, 3, -100, 4, 1, 1, 2])
    weights = uniform(0.2, 3, labels)
    many = uniform(0, 1, rows, labels).round()
    many[2, 3] = 0.25
    cases = {
        "cross_entropy": (torch.nn.CrossEntropyLoss(), targets),
        "smoothed": (torch.nn.CrossEntropyLoss(label_smoothing=0.1), targets),
        "weighted": (torch.nn.CrossEntropyLoss(weight=weights, label_smoothing=0.2), targets),
        "multi_label": (torch.nn.BCEWithLogitsLoss(), many),
        "multi_label_weighted": (torch.nn.BCEWithLogitsLoss(pos_weight=weights), many),
        "regression": (torch.nn.MSELoss(), many),
    }
    out = {
        "logits": logits.flatten().tolist(),
        "targets": targets.tolist(),
        "weights": weights.tolist(),
        "many": many.flatten().tolist(),
    }
    for name, (function, target) in cases.items():
        loss = function(logits, target)
        (grad,) = torch.autograd.grad(loss, logits)
        out[name] = {"loss": loss.item(), "grads": grad.flatten().tolist()}
    return out


def embedding():
    rows, width = 5, 11
    vectors = [uniform(-1, 1, rows, width).requires_grad_() for _ in range(4)]
    scores = torch.tensor([0.9, 0.25, 0.25, 0.5, 0.0])
    triplet = st_losses.TripletDistanceMetric
    ranking = st_losses.MultipleNegativesRankingLoss
    both = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
    cases = {
        "ranking": (ranking(None), 2),
        "ranking_negatives": (ranking(None), 4),
        "ranking_symmetric": (ranking(None, scale=7.0, **both), 2),
        "ranking_symmetric_negatives": (ranking(None, **both), 3),
        "ranking_dot": (ranking(None, scale=1.0, similarity_fct=dot_score), 3),
        "cosent": (st_losses.CoSENTLoss(None), 2),
        "cosine_similarity": (st_losses.CosineSimilarityLoss(None), 2),
        "triplet": (st_losses.TripletLoss(None), 3),
        "triplet_manhattan": (st_losses.TripletLoss(None, triplet.MANHATTAN, 0.5), 3),
        "triplet_cosine": (st_losses.TripletLoss(None, triplet.COSINE, 0.2), 3),
    }
    out = {
        "width": width,
        "vectors": [v.flatten().tolist() for v in vectors],
        "scores": scores.tolist(),
    }
    for name, (function, columns) in cases.items():
        with without_narrowing():
            loss = function.compute_loss_from_embeddings(vectors[:columns], scores)
        grads = torch.autograd.grad(loss, vectors[:columns])
        out[name] = {"loss": loss.item(), "grads": [g.flatten().tolist() for g in grads]}
    return out


class Reranker(CrossEncoder):
    """Scores come from a table of (query, document)."""

    num_labels = 1
    device = torch.device("cpu")

    def __init__(self, table):
        torch.nn.Module.__init__(self)
        self.table = table

    def preprocess(self, pairs, **_):
        return {"pairs": pairs}

    def forward(self, inputs):
        scores = torch.stack([self.table[q][d] for q, d in inputs["pairs"]])
        return {"scores": scores.unsqueeze(1)}


def rerank():
    lists = [3, 5, 2, 1]
    scores = uniform(-3, 3, sum(lists)).requires_grad_()
    relevance = torch.tensor([1.0, 0.0, 0.5, 0.0, 2.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0])
    binary = (relevance > 0.4).double()
    table, queries, documents, labels, start = {}, [], [], [], 0
    for query, length in enumerate(lists):
        table[str(query)] = {str(i): scores[start + i] for i in range(length)}
        queries.append(str(query))
        documents.append([str(i) for i in range(length)])
        labels.append(relevance[start : start + length])
        start += length
    model = Reranker(table)
    flat = [(q, d) for q, ds in zip(queries, documents, strict=True) for d in ds]
    columns = [[q for q, _ in flat], [d for _, d in flat]]
    out = {
        "lists": lists,
        "scores": scores.tolist(),
        "relevance": relevance.tolist(),
        "binary": binary.tolist(),
    }

    def keep(name, loss, by):
        (grad,) = torch.autograd.grad(loss, by)
        out[name] = {"loss": loss.item(), "grads": grad.flatten().tolist()}

    with without_narrowing():
        bce = ce_losses.BinaryCrossEntropyLoss
        keep("pointwise", bce(model)(columns, binary), scores)
        weighted = bce(model, pos_weight=torch.tensor(2.5))
        keep("pointwise_weighted", weighted(columns, binary), scores)
        keep("list_net", ce_losses.ListNetLoss(model)([queries, documents], labels), scores)
        rank_net = ce_losses.RankNetLoss
        keep("pairwise", rank_net(model)([queries, documents], labels), scores)
        nats = rank_net(model, sigma=0.7, reduction_log="natural")
        keep("pairwise_nats", nats([queries, documents], labels), scores)

        rows, width = 4, 6
        table = uniform(-3, 3, rows, width).requires_grad_()
        for name, options in (("contrastive", {}), ("contrastive_plain", {"activation_fn": None})):
            function = ce_losses.MultipleNegativesRankingLoss(model, **options)
            if options:
                function.scale = 1.0
            # `calculate_loss` takes one tensor per column: positives, then negatives.
            keep(name, function.calculate_loss(list(table.T), rows), table)
        out["table"] = table.flatten().tolist()
    return out


def main():
    out = {
        "provenance": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "trl": trl.__version__,
            "sentence_transformers": sentence_transformers.__version__,
            "seed": SEED,
            "command": "python make_losses.py > losses.json",
        },
        "pairs": {
            "chosen": CHOSEN.tolist(),
            "rejected": REJECTED.tolist(),
            "reference_chosen": REF_CHOSEN.tolist(),
            "reference_rejected": REF_REJECTED.tolist(),
            "chosen_tokens": LENGTHS,
            "rejected_tokens": REJECTED_LENGTHS,
        },
    }
    preference = {
        kind: dpo(kind, 0.3)
        for kind in (
            "sigmoid",
            "sigmoid_norm",
            "hinge",
            "ipo",
            "nca_pair",
            "bco_pair",
            "sppo_hard",
            "apo_zero",
            "apo_down",
            "discopop",
            "sft",
        )
    }
    preference |= {
        "exo_pair": dpo("exo_pair", 0.3, smoothing=0.01),
        "robust": dpo("robust", 0.3, smoothing=0.2),
        "aot": dpo("aot", 0.3, smoothing=0.1),
        "aot_unpaired": dpo("aot_unpaired", 0.3, smoothing=0.1),
        "forward_kl": dpo("sigmoid", 0.1, divergence="forward_kl"),
        "js_divergence": dpo("ipo", 0.1, divergence="js_divergence"),
        "alpha_divergence": dpo("robust", 0.1, "alpha_divergence", alpha=0.6, smoothing=0.1),
        "conservative": conservative_dpo(0.3, 0.1),
        "cpo": cpo("sigmoid", 0.2, smoothing=0.05),
        "simpo": cpo("simpo", 2.0, gamma=0.7),
        "simpo_smoothed": cpo("simpo", 2.5, smoothing=0.1),
        "orpo": orpo(0.1),
    }
    out["preference"] = preference
    out["kto"] = {
        "kto": kto("kto", 0.1, 1.0, 1.33),
        "apo_zero_unpaired": kto("apo_zero_unpaired", 0.2, 1.5, 1.0),
    }
    out["reward"] = {"plain": reward(None, False), "centered": reward(0.01, True)}
    out["classification"] = classification()
    out["embedding"] = embedding()
    out["rerank"] = rerank()
    print(json.dumps(out))


main()
