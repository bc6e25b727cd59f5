"""Names that want to lead out of a folder, each as it stands in the raw path of a request."""

from __future__ import annotations

from itertools import product

_UPS = (
    "..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "%25252e%25252e", "..%00", "%00..", "..;", "..;x=y", ".. ", "..%20",
    "%20..", "...", "....", "..%09", "%e3%80%82%e3%80%82", "%ef%bc%8e%ef%bc%8e", "%e2%80%a4%e2%80%a4", "%e2%80%a5",
    "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%f0%80%80%ae%f0%80%80%ae", "%u002e%u002e", "..%ff", "..%c2%a0", "%e2%80%8b..",
    "..%ef%b8%80", "~", "~root",
)  # fmt: skip
_SLASHES = (
    "/", "%2f", "%2F", "%252f", "%5c", "%255c", "\\", "%2f%2f", "/./", "%c0%af", "%e0%80%af", "%ef%bc%8f", "%e2%88%95",
    "%e2%81%84", ";/", "%u2215",
)  # fmt: skip
_ALONE = (
    "%2fetc%2fpasswd", "/etc/passwd", "//etc/passwd", "%2f%2fetc%2fpasswd", "file:%2f%2f%2fetc%2fpasswd", "C:%5cWindows", "C:%2f",
    "c%3a%5c..", "%5c%5chost%5cshare", "%5c%5c%3f%5cC:%5c", "CON", "NUL", "aux.txt", "%00", "a%00b", ".%00", "%0a", "%0d%0aset-cookie:x=y",
    "%7f", "%1b%5b31m", "%e2%80%ae", "%ed%a0%80", "%ff%fe", "%80", "%fe%fe%ff%ff", "%F4%90%80%80", "-", "--help", "-rf", "*",
    "%3f", "%23", "%25", "%", "%%", "%2", "%zz", "|id", ";id", "%60id%60", "$(id)", "%24%7bHOME%7d", "%7b%7b7*7%7d%7d", "'", "%22",
    "%27%20or%201=1--", "%3cscript%3e", "proc/self/environ", "%2fproc%2fself%2fenviron", "%2fdev%2fstdin", "%2fdev%2fzero", "server.json",
    "..%2fserver.json", "..%2fstate%2ftoken", "..%2f..%2fserver.json", "state%2ftoken", "a" * 4096, "%2e" * 2000, "..%2f" * 700,
    "%e4%b8%ad" * 1000, "0" * 300, "." * 300, "%20" * 300, ".", "%2e", "%20", "%09", " ", ".%20", "%e2%80%8b", "%ef%bb%bf",
)  # fmt: skip

TARGETS = ("server.json", "etc%2fpasswd", "canary.json")


def traversals() -> list[str]:
    """More than 500 of them, each once."""
    steps = [f"{up}{slash}{up}{slash}{TARGETS[n % 3]}" for n, (up, slash) in enumerate(product(_UPS, _SLASHES))]
    deep = [f"{up}{slash}" * 9 + "etc%2fpasswd" for up, slash in zip(_UPS, _SLASHES, strict=False)]
    return list(dict.fromkeys([*steps, *deep, *_UPS, *_ALONE]))
