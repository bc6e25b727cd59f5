"""An SFTTrainer with an adapter on a base of four bits, where bitsandbytes is installed."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")

from small_sft import lora, make_dense, make_sft, make_tokenizer  # noqa: E402
from small_trainer import Person, events, losses  # noqa: E402

from gladius.integrations.transformers import GladiusCallback  # noqa: E402
from gladius.pulse.start import start  # noqa: E402

torch.set_num_threads(1)

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]


def test_an_adapter_on_four_bits_is_trained_held_and_saved(home, tmp_path, until, monkeypatch):
    import transformers

    for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    tokenizer = make_tokenizer()
    whole = make_dense(tokenizer, hidden=32)
    whole.save_pretrained(tmp_path / "base")
    four_bits = transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32
    )

    def make(*callbacks):
        model = transformers.AutoModelForCausalLM.from_pretrained(
            tmp_path / "base", quantization_config=four_bits, device_map={"": "cpu"}
        )
        return make_sft(tmp_path / "out", *callbacks, tokenizer=tokenizer, model=model, adapter=lora())

    alone = make()
    alone.train()
    with start() as run:
        person = Person(run, until, 3, "pause", "checkpoint", "resume")
        make(GladiusCallback(run=run), person.as_callback()).train()
    assert [answer["state"] for answer in person.answers] == ["applied"] * 3
    assert losses(run.dir) == {entry["step"]: entry["loss"] for entry in alone.state.log_history if "loss" in entry}
    hello = events(run.dir, "hello")[-1]
    weights = sum(one.numel() for one in whole.parameters())
    assert hello["config"]["adapter"]["base_bits"] == 4
    assert hello["model"]["parameters"] == weights + hello["model"]["trainable_parameters"], (
        "packed ones are counted whole"
    )
