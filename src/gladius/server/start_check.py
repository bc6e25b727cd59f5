"""Find every wrong field of a request to start, not only the first. Upstream: routes.runs. Downstream: catalog."""

from __future__ import annotations

import math
from typing import Any

from pydantic import ValidationError

from gladius.catalog.datasets import Dataset, Datasets
from gladius.catalog.effective import effective_config
from gladius.catalog.presets import Presets
from gladius.catalog.profiles import Profile, Profiles
from gladius.errors import ConfigError, FieldErrors, GladiusError
from gladius.server.problems import field_errors
from gladius.store.series import number
from gladius.wire.catalog import StartRequest


def check_start(body: dict[str, Any], profiles: Profiles, datasets: Datasets, presets: Presets) -> StartRequest:
    """Return the request; raises FieldErrors that name everything wrong with it. Reads the catalog's files."""
    errors: list[dict[str, Any]] = []
    request: StartRequest | None = None
    try:
        request = StartRequest.model_validate(body)
    except ValidationError as error:
        errors += field_errors(error.errors())
    if isinstance(body.get("launcher"), str) and body["launcher"] != "local":
        errors.append({"field": "launcher", "message": "This server starts runs by 'local' only."})
    profile = _found(body, "profile_id", profiles.get, errors)
    dataset = _found(body, "dataset_id", datasets.get, errors)
    preset = _found(body, "preset_id", presets.get, errors)
    if preset is not None and profile is not None and not preset.problem:
        try:
            preset.overrides_for(profile.id, profile.engine)
        except ConfigError as error:
            errors.append({"field": "preset_id", "message": str(error)})
    if profile is not None:
        errors += _against_profile(body, profile, dataset, datasets)
    if request is None or errors:
        raise FieldErrors(_once_each(errors))
    return request


def _found(body: dict[str, Any], field: str, get: Any, errors: list[dict[str, Any]]) -> Any:
    """What a field names; a name of nothing is an error, and so is a thing with a problem."""
    name = body.get(field)
    if not isinstance(name, str):
        return None
    try:
        thing = get(name)
    except GladiusError as error:
        errors.append({"field": field, "message": str(error)})
        return None
    if thing.problem:
        errors.append({"field": field, "message": f"'{name}' cannot be used: {thing.problem}"})
    return thing


def _against_profile(
    body: dict[str, Any], profile: Profile, dataset: Dataset | None, datasets: Datasets
) -> list[dict[str, Any]]:
    """What the profile does not allow: no dataset, epochs out of its bounds, each override that it does not know."""
    errors: list[dict[str, Any]] = []
    if body.get("dataset_id") is None and profile.needs_dataset and not profile.default_dataset:
        errors.append({"field": "dataset_id", "message": f"Profile '{profile.id}' needs a dataset."})
    epochs, bounds = body.get("epochs"), profile.epochs
    count = number(epochs)
    if count is not None and math.isfinite(count) and not bounds.min <= count <= bounds.max:
        message = f"Profile '{profile.id}' trains {bounds.min:g} to {bounds.max:g} epochs."
        errors.append({"field": "epochs", "message": message})
    overrides = body.get("overrides")
    if not isinstance(overrides, dict) or profile.problem:
        return errors
    if dataset is None and profile.default_dataset:
        dataset = next((one for one in datasets.all() if one.id == profile.default_dataset), None)
    for key, value in overrides.items():
        try:
            effective_config(profile, dataset, None, {key: value})
        except ConfigError as error:
            if error.field is not None and error.field.endswith(key.rpartition(".")[2]):
                errors.append({"field": f"overrides.{key}", "message": str(error)})
    return errors


def _once_each(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first error of each field."""
    found: dict[str, dict[str, Any]] = {}
    for error in errors:
        found.setdefault(error["field"], error)
    return list(found.values())
