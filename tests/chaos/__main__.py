"""`make chaos ARGS="--minutes 15"`: SIGKILL whoever there is, at random moments, and look whether all that was promised holds.

A real server, a real supervisor, a real training; each round kills one of the seven sets of {server, supervisor, trainer} while
one of seven moves is under way. The seed is printed; `--seed N --round K` plays round K of it again. Exit code 1 when
anything that was promised did not hold; the home of such a round is kept.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS)]

from chaos_moves import MOVES  # noqa: E402
from chaos_page import Onlooker  # noqa: E402
from chaos_world import SERVER, SUPERVISOR, TRAINING, World  # noqa: E402

ROUNDS_OF_A_HOME = 25


def plan(seed: int) -> Iterator[tuple[str, frozenset[str], int]]:
    """Every move with every set of victims, in random order, then all of them again; each with a seed of its own."""
    rng = random.Random(seed)
    victims = [
        frozenset(some) for size in (1, 2, 3) for some in itertools.combinations((SERVER, SUPERVISOR, TRAINING), size)
    ]
    while True:
        pairs = list(itertools.product(MOVES, victims))
        rng.shuffle(pairs)
        for move, some in pairs:
            yield move, some, rng.randrange(2**32)


class Harness:
    """Plays rounds in one home after the other, and counts."""

    def __init__(self, seed: int, say: bool = True, page_every: int = 0) -> None:
        self.seed, self._say, self._page_every = seed, say, page_every
        self._onlooker: Onlooker | None = None
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self, rounds: int | None = None, minutes: float | None = None, only: int | None = None) -> None:
        chosen = enumerate(plan(self.seed))
        if only is not None:
            chosen = itertools.islice(chosen, only, only + 1)
        elif rounds is not None:
            chosen = itertools.islice(chosen, rounds)
        self._play_all(chosen, time.monotonic() + minutes * 60 if minutes is not None else float("inf"))

    def run_short(self) -> None:
        """Each move once, and each set of victims once."""
        moves, victims, short = set(), set(), []
        for number, (move, some, seed) in enumerate(itertools.islice(plan(self.seed), 49 * 4)):
            if move not in moves and some not in victims:
                moves.add(move)
                victims.add(some)
                short.append((number, (move, some, seed)))
        self._play_all(iter(short), float("inf"))

    def _play_all(self, chosen: Iterator[tuple[int, tuple[str, frozenset[str], int]]], deadline: float) -> None:
        world, folder, played = None, Path(), 0
        try:
            for number, (move, victims, seed) in chosen:
                if time.monotonic() > deadline:
                    return
                if world is None:
                    folder = Path(tempfile.mkdtemp(prefix="gladius-chaos-"))
                    world, played = World(folder), 0
                good = self._play(world, number, move, victims, seed)
                played += 1
                if not good or played == ROUNDS_OF_A_HOME:
                    world.close()
                    world = None
                    if good:
                        shutil.rmtree(folder)
        finally:
            if world is not None:
                world.close()
                shutil.rmtree(folder, ignore_errors=True)
            if self._onlooker is not None:
                self._onlooker.close()

    def _play(self, world: World, number: int, move: str, victims: frozenset[str], seed: int) -> bool:
        names = "+".join(sorted(victims))
        began = time.monotonic()
        one = MOVES[move](world, victims, seed)
        try:
            one.play()
            if self._page_every and self.counts["rounds"] % self._page_every == 0:
                self._onlooker = self._onlooker or Onlooker()
                for training in one.trainings:
                    self._onlooker.check(training)
                    self.counts["pages looked at"] += 1
        except Exception as error:  # noqa: BLE001 - whatever a round meets is a finding
            told = f"round {number} ({move}, {names}), home {world.home.root}: {type(error).__name__}: {error}"
            self.wrong.append(told)
            self._tell(f"WRONG  {told}\n{traceback.format_exc()}")
            return False
        finally:
            self.counts["rounds"] += 1
            self.counts[f"move {move}"] += 1
            self.counts[f"killed {names}"] += 1
        for training in one.trainings:
            self.counts["steps"] += len(training.truth.losses)
            self.counts["commands"] += len(training.truth.sent)
            self.counts[f"ended {training.truth.state if training.truth.ended else 'killed or unknown'}"] += 1
        self._tell(f"{number:4} {move:10} {names:26} {json.dumps(one.told)} {time.monotonic() - began:.1f} s")
        return True

    def _tell(self, text: str) -> None:
        if self._say:
            print(text, flush=True)


def main() -> int:
    """Play, print what was counted, exit 0 only when nothing was wrong."""
    parser = argparse.ArgumentParser(description="Kill server, supervisor and trainer at random moments.")
    parser.add_argument(
        "--rounds", type=int, help="how many rounds; without it and without --minutes, 49: each pair once"
    )
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--round", type=int, help="play this round of the seed alone")
    parser.add_argument(
        "--page-every", type=int, default=0, help="look at the run's page in Chromium after every so many rounds"
    )
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    harness, began = Harness(seed, page_every=options.page_every), time.monotonic()
    rounds = options.rounds if options.rounds or options.minutes else len(MOVES) * 7
    harness.run(rounds, options.minutes, options.round)
    told = {"seed": seed, **dict(sorted(harness.counts.items())), "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps({**told, "wrong": harness.wrong}, indent=1))
    return 1 if harness.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
