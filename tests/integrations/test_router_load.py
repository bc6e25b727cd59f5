"""Router load and token counts, from hooks on real modules."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from gladius.integrations.batches import BatchWatch  # noqa: E402
from gladius.integrations.router import RouterLoad  # noqa: E402

torch.set_num_threads(1)  # a model this small gains nothing from more, and spinning threads starve a busy machine

pytestmark = pytest.mark.training

TRANSFORMERS_4 = transformers.__version__.startswith("4.")
tells_its_choice = pytest.mark.skipif(TRANSFORMERS_4, reason="routers of transformers 4 return logits alone")

EXPERTS, ACTIVE, LAYERS = 4, 2, 2


SIZES = {
    "vocab_size": 32, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": LAYERS, "num_attention_heads": 2,
    "num_key_value_heads": 1, "num_experts_per_tok": ACTIVE, "max_position_embeddings": 32,
}  # fmt: skip
QWEN = {"num_experts": EXPERTS, "moe_intermediate_size": 8}
FAMILIES = {
    "qwen2_moe": ("Qwen2Moe", {**QWEN, "shared_expert_intermediate_size": 8}),
    "qwen2_moe_normed": ("Qwen2Moe", {**QWEN, "shared_expert_intermediate_size": 8, "norm_topk_prob": True}),
    "qwen3_moe": ("Qwen3Moe", {**QWEN, "head_dim": 8}),
    "mixtral": ("Mixtral", {"num_local_experts": EXPERTS}),
}


def make(family="qwen2_moe", **options):
    name, own = FAMILIES[family]
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**SIZES, **own, **options)
    return getattr(transformers, f"{name}ForCausalLM")(config)


@pytest.fixture
def model():
    return make()


@pytest.fixture
def batch():
    ids = torch.randint(0, 32, (3, 8))
    mask = torch.ones_like(ids)
    mask[0, 5:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def watched(model):
    watch = BatchWatch(model)
    return watch, RouterLoad(model, watch)


def test_each_layer_sums_to_one(model, batch):
    _, load = watched(model)
    model.train()(**batch)
    shares = load.take()
    assert len(shares) == LAYERS * EXPERTS, "without labels no loss is attributed"
    for layer in range(LAYERS):
        assert sum(shares[f"moe/load/{layer}/{expert}"] for expert in range(EXPERTS)) == pytest.approx(1)


@tells_its_choice
def test_shares_are_the_routers_own_choices_without_padding(model, batch):
    chosen = []
    model.model.layers[1].mlp.gate.register_forward_hook(lambda module, inputs, output: chosen.append(output[2]))
    _, load = watched(model)
    model.train()(**batch)
    real = chosen[0][batch["attention_mask"].reshape(-1).bool()]
    expected = torch.bincount(real.reshape(-1), minlength=EXPERTS) / real.numel()
    shares = load.take()
    assert [shares[f"moe/load/1/{expert}"] for expert in range(EXPERTS)] == pytest.approx(expected.tolist())


def test_windows_add_up_and_start_anew(model, batch):
    watch, load = watched(model)
    model.train()
    for _ in range(2):
        model(**batch)
    assert watch.take_tokens() == 2 * int(batch["attention_mask"].sum())
    assert load.take()
    assert load.take() == {}
    assert watch.take_tokens() is None


def test_evaluation_passes_do_not_count(model, batch):
    watch, load = watched(model)
    model.eval()(**batch)
    assert load.take() == {}
    assert watch.take_tokens() is None


@pytest.mark.parametrize("family", FAMILIES)
def test_shares_and_losses_are_those_of_what_the_experts_were_given(family, batch):
    model = make(family)
    given = what_experts_compute(model)
    _, load = watched(model)
    output = model.train()(**batch, labels=labels_of(batch))
    output.loss.backward()
    values = load.take()
    nll, told = token_losses(output.logits, labels_of(batch))
    real = batch["attention_mask"].reshape(-1, 1).bool()
    for layer, weights in enumerate(given()):
        hits = ((weights > 0) & real).sum(dim=0)
        shares = [values[f"moe/load/{layer}/{expert}"] for expert in range(EXPERTS)]
        assert shares == pytest.approx((hits / hits.sum()).tolist())
        weights = weights * told.unsqueeze(-1)
        for expert in range(EXPERTS):
            attributed = (weights[:, expert] * nll).sum() / weights[:, expert].sum()
            assert values[f"moe/loss/{layer}/{expert}"] == pytest.approx(attributed.item(), rel=1e-5)
    assert len(values) == 2 * LAYERS * EXPERTS


def labels_of(batch):
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    labels[1, :4] = -100
    return labels


def token_losses(logits, labels):
    """By the book: place by place, the next token's negative log-likelihood, and where there is one."""
    wanted = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=-100)
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none", ignore_index=-100)
    return losses.detach().reshape(-1), wanted.reshape(-1) != -100


def what_experts_compute(model):
    """Each layer's routing weights, [tokens, experts], by the book from what its block was given."""
    blocks = [getattr(layer, "mlp", None) or layer.block_sparse_moe for layer in model.model.layers]
    kept = {}
    for index, block in enumerate(blocks):
        block.register_forward_hook(
            lambda module, inputs, output, index=index: kept.update({index: inputs[0].detach()})
        )
    return lambda: [routing_weights(block, kept[index]) for index, block in enumerate(blocks)]


def routing_weights(block, hidden):
    with torch.no_grad():
        flat = hidden.reshape(-1, hidden.shape[-1])
        answer = block.gate(flat)
        logits = answer[0] if isinstance(answer, tuple) else answer
        weights, chosen = torch.softmax(logits.float(), dim=-1).topk(ACTIVE, dim=-1)
        if getattr(block, "norm_topk_prob", getattr(block.gate, "norm_topk_prob", True)):
            weights = weights / weights.sum(dim=-1, keepdim=True)
        return torch.zeros(len(flat), EXPERTS).scatter(1, chosen, weights)


def test_an_expert_that_was_never_chosen_has_the_share_zero_and_no_loss(model, batch):
    keep_away_from(model.model.layers[0].mlp.gate, 3)
    _, load = watched(model)
    model.train()(**batch, labels=batch["input_ids"])
    values = load.take()
    assert values["moe/load/0/3"] == 0.0
    assert "moe/loss/0/3" not in values
    assert {f"moe/loss/0/{expert}" for expert in range(3)} <= set(values)


def keep_away_from(gate, expert):
    """Let a router prefer every other expert, whatever it is given."""

    def shifted(module, inputs, output):
        logits = output[0] if isinstance(output, tuple) else output
        logits = logits.clone()
        logits[:, expert] = -1e4
        if not isinstance(output, tuple):
            return logits
        weights, chosen = torch.softmax(logits.float(), dim=-1).topk(ACTIVE, dim=-1)
        return logits, weights, chosen

    gate.register_forward_hook(shifted)


@pytest.mark.filterwarnings("default::FutureWarning")
@pytest.mark.parametrize("reentrant", [True, False])
def test_what_is_computed_again_for_a_backward_pass_is_counted_once(model, batch, reentrant):
    model.train()
    _, plain = watched(model)
    model(**batch, labels=batch["input_ids"]).loss.backward()
    once, counts = plain.take(), []
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": reentrant})
    model.model.layers[0].mlp.gate.register_forward_hook(lambda *_: counts.append(1))
    if reentrant:
        model.enable_input_require_grads()
    for _ in range(2):
        model(**batch, labels=batch["input_ids"]).loss.backward()
    assert len(counts) == 4, "each layer was passed twice a step"
    assert plain.take() == pytest.approx(once)


def test_a_pass_from_which_nothing_is_learned_does_not_count(model, batch):
    watch, load = watched(model)
    with torch.no_grad():
        model.train()(**batch, labels=batch["input_ids"])
    assert load.take() == {}
    assert watch.take_tokens() is None


def test_measuring_changes_neither_the_loss_nor_a_gradient(batch):
    gradients = []
    for measured in (False, True):
        model = make()
        load = watched(model)[1] if measured else None
        loss = model.train()(**batch, labels=batch["input_ids"], output_router_logits=True).loss
        loss.backward()
        gradients.append((loss.item(), [one.grad.clone() for one in model.parameters() if one.grad is not None]))
    assert "moe/loss/0/0" in load.take()
    assert gradients[0][0] == gradients[1][0]
    assert all(torch.equal(one, other) for one, other in zip(gradients[0][1], gradients[1][1], strict=True))


def test_a_loss_of_another_kind_is_not_attributed(model, batch):
    model.loss_function = lambda logits, labels, vocab_size, **_: (logits - 1).pow(2).mean()
    _, load = watched(model)
    model.train()(**batch, labels=batch["input_ids"])
    assert {name.split("/")[1] for name in load.take()} == {"load"}


def test_a_router_that_gives_logits_alone_counts_its_largest(model, batch):
    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = torch.nn.Linear(16, EXPERTS, bias=False)
            self.experts = torch.nn.ModuleList()

        def forward(self, hidden):
            return self.gate(hidden)

    class Old(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.config = model.config
            self.layers = torch.nn.ModuleList([torch.nn.Identity(), Block()])

        def forward(self, hidden, attention_mask=None):
            return self.layers[1](hidden.reshape(-1, 16))

    old = Old()
    _, load = watched(old)
    hidden = torch.randn(2, 3, 16)
    expected = torch.bincount(old.train()(hidden).topk(ACTIVE).indices.reshape(-1), minlength=EXPERTS) / 12
    shares = load.take()
    assert list(shares) == [f"moe/load/1/{expert}" for expert in range(EXPERTS)]
    assert list(shares.values()) == pytest.approx(expected.tolist())


def test_a_dense_model_has_no_load(batch):
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    dense = LlamaForCausalLM(config)
    watch, load = watched(dense)
    assert not load
    dense.train()(**batch)
    assert load.take() == {}
    assert watch.take_tokens() == int(batch["attention_mask"].sum())


def test_closing_leaves_the_model_as_it_was(model):
    watch, load = watched(model)
    load.close()
    watch.close()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
