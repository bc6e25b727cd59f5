"""A mixture of experts written by hand, in a plain loop that shows how its tokens are spread and what they cost.

    python examples/own_experts.py [EPOCHS]

Two kinds of names are all that the console needs (docs/guide/experts.md): `moe/load/<layer>/<expert>` and
`moe/loss/<layer>/<expert>`. Both are summed up on the device and looked at once per log.
"""

import sys

import torch

import gladius

EPOCHS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
EXPERTS, ACTIVE, WIDTH, SYMBOLS, LENGTH, LOG_EVERY = 4, 2, 32, 24, 16, 5

torch.manual_seed(0)
torch.set_num_threads(1)  # a model this small gains nothing from more
starts, strides = torch.randint(0, SYMBOLS, (320, 1)), torch.randint(1, 4, (320, 1))
rows = (starts + strides * torch.arange(LENGTH + 1)) % SYMBOLS  # each row counts on, by one, two or three
batches = list(rows.split(16))


class Experts(torch.nn.Module):
    """Each token goes to two of four small networks, as a router decides; the decisions of a pass stay in `routed`."""

    def __init__(self):
        super().__init__()
        self.router = torch.nn.Linear(WIDTH, EXPERTS, bias=False)
        self.experts = torch.nn.ModuleList(torch.nn.Linear(WIDTH, WIDTH) for _ in range(EXPERTS))

    def forward(self, tokens):
        """Tokens [count, width]."""
        weights, chosen = self.router(tokens).softmax(-1).topk(ACTIVE)
        self.routed = torch.zeros(len(tokens), EXPERTS).scatter(1, chosen, weights)
        return sum(self.routed[:, [one]] * expert(tokens).relu() for one, expert in enumerate(self.experts))


class Counts(torch.nn.Module):
    """Guesses the next symbol from the last two."""

    def __init__(self):
        super().__init__()
        self.symbols = torch.nn.Embedding(SYMBOLS, WIDTH)
        self.before = torch.nn.Linear(WIDTH, WIDTH)
        self.layers = torch.nn.ModuleList(Experts() for _ in range(2))
        self.guess = torch.nn.Linear(WIDTH, SYMBOLS)

    def forward(self, row):
        """Symbols [rows, length] to scores [rows * length, symbols]."""
        found = self.symbols(row)
        tokens = (found + self.before(found).roll(1, dims=1)).flatten(0, 1)
        for layer in self.layers:
            tokens = tokens + layer(tokens)
        return self.guess(tokens)


class Spread:
    """Sums of one window: decisions, weights, and weighted losses of each expert in each layer."""

    def __init__(self, layers):
        self.layers = layers
        self.sums = torch.zeros(3, len(layers), EXPERTS)

    def add(self, losses):
        """After a forward pass, with the loss of each token before they are averaged."""
        routed = torch.stack([layer.routed for layer in self.layers]).detach()
        weighted = routed * losses.detach()[:, None]
        self.sums += torch.stack([(routed > 0).float().sum(1), routed.sum(1), weighted.sum(1)])

    def take(self):
        """The window's metrics: an expert that no token came to has the share 0, and no loss at all."""
        hits, weights, losses = self.sums.tolist()
        self.sums.zero_()
        metrics = {}
        for layer in range(len(hits)):
            for one in range(EXPERTS):
                metrics[f"moe/load/{layer}/{one}"] = hits[layer][one] / sum(hits[layer])
                if weights[layer][one] > 0:
                    metrics[f"moe/loss/{layer}/{one}"] = losses[layer][one] / weights[layer][one]
        return metrics


def main():
    """Train."""
    model = Counts()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    spread = Spread(model.layers)
    with gladius.start(
        name="own experts", total_epochs=EPOCHS, steps_per_epoch=len(batches),
        model={"name": "counts", "experts": EXPERTS, "active_experts": ACTIVE},
        attributions={"moe/loss": "routing_weighted_nll"},
    ) as run:  # fmt: skip
        for _ in range(EPOCHS):
            for step, batch in run.steps(batches):
                losses = torch.nn.functional.cross_entropy(
                    model(batch[:, :-1]), batch[:, 1:].flatten(), reduction="none"
                )
                optimizer.zero_grad()
                losses.mean().backward()
                optimizer.step()
                spread.add(losses)
                if step % LOG_EVERY == LOG_EVERY - 1:
                    run.log({"train/loss": losses.mean().item(), **spread.take()})


if __name__ == "__main__":
    main()
