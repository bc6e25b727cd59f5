"""`make fuzz`: each parser under atheris, guided by what its code does, for as long as is asked for; half an hour each by default.

make fuzz                                          # all of them, one after the other
make fuzz ARGS="--seconds 120 printed yaml"        # two minutes each
make fuzz ARGS="--corpus FOLDER"                   # go on from what an earlier one found to be worth trying, and keep it there
A crash is kept as a file, whose path is printed, and read again with: make fuzz ARGS="--again FILE printed"
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def main() -> int:
    """Fuzz the chosen parsers; exit code 1 when one did not keep its word."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("names", nargs="*", help="status, events, blocks, yaml, 'text command', flow, printed, search")
    parser.add_argument("--seconds", type=int, default=1800, help="for each parser")
    parser.add_argument("--corpus", type=Path, help="where the texts that led somewhere new are kept, for a next time")
    parser.add_argument("--again", type=Path, help="read this file once with the parser that is named")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _fuzz(options.names[0], options.seconds, Path(os.environ["GLADIUS_FUZZ_FINDINGS"]), options.corpus)
    from parsers import PARSERS

    logging.disable(logging.WARNING)
    chosen = [one for one in PARSERS if not options.names or one.name in options.names]
    if options.again:
        chosen[0].holds(options.again.read_bytes())
        return 0
    failed = [one.name for one in chosen if not _apart(one.name, options.seconds, options.corpus)]
    print(f"{len(chosen) - len(failed)} of {len(chosen)} parsers kept their word. {', '.join(failed)}")
    return 1 if failed else 0


def _apart(name: str, seconds: int, corpus: Path | None) -> bool:
    """Fuzz one parser in a process of its own: libFuzzer ends the process that it runs in."""
    findings = Path(tempfile.mkdtemp(prefix=f"gladius-fuzz-{name.replace(' ', '-')}-"))
    kept = (corpus or findings / "corpus").absolute()
    print(f"== {name}: {seconds} s, findings in {findings}", flush=True)
    argv = [sys.executable, str(Path(__file__).parent), name, "--seconds", str(seconds), "--corpus", str(kept), "--one"]
    from parsers import MEMORY

    with tempfile.TemporaryDirectory(prefix="gladius-fuzz-", dir=MEMORY) as desk:
        given = {"GLADIUS_FUZZ_FINDINGS": str(findings), "GLADIUS_FUZZ_DESK": desk}
        return subprocess.run(argv, env={**os.environ, **given}, check=False).returncode == 0


def _fuzz(name: str, seconds: int, findings: Path, corpora: Path) -> None:
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed here: pip install atheris")
    with atheris.instrument_imports(include=["gladius", "pulse_wrapper"]):
        from parsers import PARSERS
    logging.disable(logging.WARNING)
    parser = next(one for one in PARSERS if one.name == name)
    corpus = corpora / name.replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, word in enumerate(parser.words):
        (corpus / str(number)).write_bytes(word)
    spelled = ["".join(f"\\x{byte:02x}" for byte in word) for word in parser.words]
    (findings / "words").write_text("".join(f'"{word}"\n' for word in spelled))
    options = [
        f"-max_total_time={seconds}",
        f"-dict={findings}/words",
        f"-artifact_prefix={findings}/",
        "-max_len=4096",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], parser.holds)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
