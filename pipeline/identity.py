"""What makes a run this run and no other: its configuration, its weights and its input."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fervid.pipeline import roles
from fervid.pipeline.provenance import fingerprint, sha256, trust
from fervid.pipeline.record import Run
from fervid.pipeline.stage import Stage


def identity(run: Run) -> dict[str, Any]:
    """As plain data: configuration, what else made the outputs, and the input."""
    path = run.source.path if run.source else None
    return {"config": run.config, "notes": run.notes, "input": fingerprint(path) if path else None}


def differences(page: Mapping[str, Any], run: Run) -> str:
    """What is not as it was, in words; nothing where all is."""
    path = run.source.path if run.source else None
    if path and page.get("input") and "size" in page["input"]:
        trust(path, page["input"])
    told = list(_options(page["config"], json.loads(json.dumps(run.config))))
    notes = page.get("notes", page)
    told += [f"other {key}" for key, note in run.notes.items() if key in notes and notes[key] != _plain(note)]
    then = (page.get("input") or {}).get("sha256")
    if path and then and fingerprint(path)["sha256"] != then:
        told.append(f"{path.name} has changed")
    return ", ".join(told)


def named(chain: Iterable[Stage]) -> dict[str, str]:
    """SHA-256 of each file that an option names beside the input, such as `detect.model`."""
    return {f"{stage.name}.{name}": sha256(path) for stage in chain for name, path in _files(stage)}


def _files(stage: Stage) -> Iterator[tuple[str, Path]]:
    reads = roles.option(type(stage), roles.Reads)
    for field in dataclasses.fields(stage):  # type: ignore[arg-type]
        value = getattr(stage, field.name)
        if isinstance(value, Path) and value.is_file() and not (reads and reads[0] == field.name):
            yield field.name, value


def _plain(note: Any) -> Any:
    return json.loads(json.dumps(note))


def _options(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    chains = [[name for stage in chain for name in stage] for chain in (then, now)]
    if chains[0] != chains[1]:
        yield f"its stages were {', '.join(chains[0])}"
        return
    for before, after in zip(then, now, strict=True):
        for name, options in before.items():
            for option in {**options, **after[name]}:
                was, is_ = options.get(option), after[name].get(option)
                if was != is_:
                    yield f"{name}.{option} was {json.dumps(was)} and is {json.dumps(is_)}"
