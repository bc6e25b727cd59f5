from gladius.supervise.alarms import CONSOLE_LIMIT_BYTES, Alarms


def sample(console: int = 0, used: int = 50) -> dict[str, object]:
    return {"console_bytes": console, "disk": {"used": used, "total": 100}}


def codes(alarms: Alarms, **values: int) -> list[str]:
    return [alert["code"] for alert in alarms.of(sample(**values))]


def test_a_nearly_full_disk_is_told_once_until_it_was_well_again() -> None:
    alarms = Alarms()
    assert codes(alarms, used=94) == []
    assert codes(alarms, used=96) == ["disk_nearly_full"]
    assert codes(alarms, used=97) == []
    assert codes(alarms, used=90) == []
    assert codes(alarms, used=95) == ["disk_nearly_full"]


def test_a_log_of_a_gibibyte_is_told_once() -> None:
    alarms = Alarms()
    assert codes(alarms, console=CONSOLE_LIMIT_BYTES - 1) == []
    assert codes(alarms, console=CONSOLE_LIMIT_BYTES) == ["console_log_large"]
    assert codes(alarms, console=CONSOLE_LIMIT_BYTES + 5) == []
