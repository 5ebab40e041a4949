"""What makes a run this run and no other: its configuration, its weights and its input."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fervid.pipeline.provenance import fingerprint, trust
from fervid.pipeline.record import Run


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
