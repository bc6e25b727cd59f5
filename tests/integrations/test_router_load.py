"""Router load and token counts, from hooks on real modules."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from gladius.integrations.batches import BatchWatch  # noqa: E402
from gladius.integrations.router import RouterLoad  # noqa: E402

torch.set_num_threads(1)  # a model this small gains nothing from more, and spinning threads starve a busy machine

pytestmark = pytest.mark.training

tells_its_choice = pytest.mark.skipif(
    transformers.__version__.startswith("4."), reason="routers of transformers 4 return logits alone"
)

EXPERTS, ACTIVE, LAYERS = 4, 2, 2


@pytest.fixture
def model():
    from transformers import Qwen2MoeConfig, Qwen2MoeForCausalLM

    torch.manual_seed(0)
    config = Qwen2MoeConfig(
        vocab_size=32, hidden_size=16, intermediate_size=16, moe_intermediate_size=8, shared_expert_intermediate_size=8,
        num_hidden_layers=LAYERS, num_attention_heads=2, num_key_value_heads=1, num_experts=EXPERTS,
        num_experts_per_tok=ACTIVE, max_position_embeddings=32,
    )  # fmt: skip
    return Qwen2MoeForCausalLM(config)


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
    assert len(shares) == LAYERS * EXPERTS
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


@tells_its_choice
def test_an_expert_that_was_never_chosen_has_the_share_zero(model, batch):
    gate = model.model.layers[0].mlp.gate
    gate.register_forward_hook(lambda module, inputs, output: (*output[:2], torch.zeros_like(output[2])))
    _, load = watched(model)
    model.train()(**batch)
    shares = load.take()
    assert shares["moe/load/0/0"] == 1.0
    assert shares["moe/load/0/3"] == 0.0


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
