"""What a person can change about the console itself. Upstream: the settings file. Downstream: server, browser."""

from pydantic import Field

from gladius.wire.base import Body, Wire


class Thresholds(Body):
    """When alerts begin. Shares are of 1, temperatures in degrees Celsius, times in seconds."""

    gpu_temperature: float = Field(default=80.0, ge=30, le=120, description="A GPU is hotter than this")
    memory_pressure: float = Field(default=0.90, gt=0, le=1, description="More than this share of the RAM is in use")
    gpu_memory: float = Field(default=0.97, gt=0, le=1, description="More than this share of a GPU's memory is in use")
    expert_imbalance: float = Field(
        default=0.15, gt=0, le=100, description="Coefficient of variation of the shares in the most uneven layer"
    )
    expert_imbalance_seconds: float = Field(default=60.0, ge=0, le=86_400, description="For so long without a break")
    dead_experts_seconds: float = Field(default=60.0, ge=0, le=86_400, description="An expert got no token for so long")
    slow_throughput: float = Field(
        default=0.20, gt=0, lt=1, description="So much of the last four minutes' average is missing"
    )
    slow_throughput_seconds: float = Field(default=15.0, ge=1, le=120, description="The time that is compared with it")
    disk_free: float = Field(default=0.05, ge=0, lt=1, description="No more than this share of the disk is free")
    console_log_bytes: int = Field(default=1 << 30, ge=1, description="console.log is at least as large")
    epoch_milestone: int = Field(default=10, ge=1, le=1_000_000, description="Every so many epochs are a notice")


class Settings(Wire):
    """The answer of `GET /settings`."""

    alerts: Thresholds
    defaults: Thresholds = Thresholds()
    home: str = Field(description="The home's folder")
    version: str = Field(description="The server's version")


class SettingsUpdate(Body):
    """The body of `PUT /settings`: the whole of what can be changed; what is left out takes its default.

    An answer of `GET /settings` can be sent back as it is.
    """

    alerts: Thresholds
    defaults: Thresholds | None = Field(default=None, description="Ignored")
    home: str | None = Field(default=None, description="Must be as it is: a server stays in its home")
    version: str | None = Field(default=None, description="Ignored")
