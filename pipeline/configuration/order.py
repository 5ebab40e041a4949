"""Check that each stage finds in front of it what it needs, and no chain fails later for its order."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from fervid.pipeline import roles
from fervid.pipeline.configuration.entry import Built, Entry
from fervid.pipeline.configuration.options import suggest
from fervid.pipeline.errors import ConfigError, Mistake
from fervid.pipeline.fact import BRIDGED, FRAMES, GATHERED, LIVE, SPARSE, Fact, columns
from fervid.pipeline.frame import FACES
from fervid.pipeline.output import unknown_placeholder
from fervid.pipeline.roles import Shows, Writes, written
from fervid.pipeline.stage import Stage, Terms, stages
from fervid.pipeline.table import HEAD

Given = dict[Fact[Any], Entry]


def check(chain: Sequence[Built]) -> list[Mistake]:
    """What is wrong with the order, and none of it only because something else is."""
    return [*_facts(chain), *_gaps(chain), *_outputs(chain)]


def check_kept(chain: Sequence[Stage], asked: str = "--checkpoint") -> None:
    """Refuse to keep a run that cannot go on from its middle; `asked` is how its user said that it shall be kept.

    Raises:
        ConfigError: with the stages and the reasons.
    """
    if found := [
        Mistake(": ".join(filter(None, (stage.name if stage else "", why))), asked) for stage, why in unkept(chain)
    ]:
        raise ConfigError(*found)


def unkept(chain: Sequence[Stage]) -> Iterator[tuple[Stage | None, str]]:
    """Why a run cannot go on from its middle, each reason with the stage that it lies in."""
    for stage in chain:
        if LIVE in stage.terms().gives:
            yield stage, "shows no moment twice, so its run cannot be resumed"
        if GATHERED in stage.terms().gives:
            why = _cause(stage, lambda terms: GATHERED not in terms.gives)
            advice = f"; leave {why} out" if why else ""
            yield stage, f"needs all frames at once, so its run cannot be resumed{advice}"
    if not any(map(written, chain)):
        yield None, "nothing is written; add csv or video"


def _facts(chain: Sequence[Built]) -> Iterator[Mistake]:
    given: Given = {}
    owners = {column.name: "every table" for column in HEAD}
    dark, asked_for = False, list[Entry]()
    for number, part in enumerate(chain):
        entry, terms = part.entry, _terms(part)
        if terms is None:
            dark = True
            continue
        if FRAMES in terms.gives and given:
            yield entry.mistake("is a source; a pipeline has one source, and it stands first")
            continue
        for fact in terms.needs:
            if fact not in given and not dark:
                behind = [one.entry for one in _givers(fact, chain[number:])]
                if not (fact is FRAMES and behind):  # then the source that stands too late is told
                    yield _lack(fact, part, chain)
                asked_for += behind
                given |= dict.fromkeys([fact, *_brought(fact, chain)], entry)
        for fact in (*terms.refuses, *_replaced(terms, given)):
            if fact in given and fact is not BRIDGED and entry not in asked_for:
                yield entry.mistake(_refusal(fact, given[fact], entry))
        yield from _shown(part, given, dark)
        for column in columns(fact for fact in terms.gives if fact not in given):
            if owners.setdefault(column.name, entry.name) != entry.name:
                yield entry.mistake(f"its column {column.name!r} is that of {owners[column.name]} too; rename it")
        given |= dict.fromkeys(terms.gives, entry)
        for fact in terms.ends:
            given.pop(fact, None)


def _replaced(terms: Terms, given: Given) -> list[Fact[Any]]:
    """What is known of faces is lost where they are looked for anew."""
    return [fact for fact in given if FACES in terms.gives and fact.of_faces and fact is not FACES]


def _refusal(fact: Fact[Any], giver: Entry, entry: Entry) -> str:
    if giver.name == entry.name:
        return f"stands here twice, and the second would replace {fact.words}; remove one"
    return f"must stand before {giver.name}, which gives {fact.words}"


def _terms(part: Built) -> Terms | None:
    """Of a stage whose options are wrong, what holds for its class."""
    if part.stage:
        return part.stage.terms()
    cls = part.cls
    return Terms(cls.needs, cls.gives, cls.refuses, cls.ends) if cls else None


def _gaps(chain: Sequence[Built]) -> Iterator[Mistake]:
    """Nothing must be made of faces while frames are passed over in which nobody looked for them."""
    known = [(part, terms) for part in chain if (terms := _terms(part))]
    for number, (part, terms) in enumerate(known):
        behind = known[number + 1 :] if SPARSE in terms.gives else []
        bridge = next((n for n, (_, other) in enumerate(behind) if SPARSE in other.ends), len(behind))
        strict = next((other.entry.name for other, its in behind if BRIDGED in its.refuses), None)
        in_the_dark = next((other.entry.name for other, its in behind[:bridge] if _makes_something(other, its)), None)
        if strict:
            yield part.entry.mistake(f"passes frames over, and {strict} would miss faces there; search every frame")
        elif in_the_dark:
            what = f"passes frames over, in which {in_the_dark} would miss faces"
            yield part.entry.mistake(f"{what}; put track between them")


def _makes_something(part: Built, terms: Terms) -> bool:
    return bool(terms.gives) or (part.cls is not None and roles.option(part.cls, Writes) is not None)


def _outputs(chain: Sequence[Built]) -> Iterator[Mistake]:
    """Two stages that write to one file would leave neither's."""
    writers: dict[str, Entry] = {}
    for part in chain:
        found = roles.option(part.cls, Writes) if part.cls else None
        template = written(part.stage) if part.stage else None
        if found is None or template is None:
            continue
        option, role = found
        if unknown := unknown_placeholder(template, role.placeholders):
            yield part.entry.mistake(f"option {option!r}: {unknown}", option)
        other = writers.setdefault(os.path.normpath(template), part.entry)
        if other is not part.entry:
            what = f"would write to {template}, as {other.name} before it; give it another path"
            yield part.entry.mistake(what, option)


def _shown(part: Built, given: Given, dark: bool) -> Iterator[Mistake]:
    """Columns that the stage shall show, and that nothing in front of it gives."""
    found = roles.option(part.cls, Shows) if part.cls else None
    if found is None or part.stage is None or dark:
        return
    known = [column.name for column in columns(given)]
    for name in getattr(part.stage, found[0]):
        if name not in known:
            there = f"there is {', '.join(known)}" if known else "no stage before it gives any"
            yield part.entry.mistake(f"no column {name!r}{suggest(name, known)} ({there})", found[0])


def _lack(fact: Fact[Any], part: Built, chain: Sequence[Built]) -> Mistake:
    entry = part.entry
    if fact is FRAMES:
        return entry.mistake("needs frames; put a source such as file, webcam or demo before it")
    there = [one.entry.name for one in _givers(fact, chain)] or _elsewhere(fact)
    if not there:
        return entry.mistake(f"needs {fact.words}, which no stage gives")
    giver = stages.find(there[0])
    first = _terms(chain[0])
    if giver is None or FRAMES not in giver.gives or not first or FRAMES not in first.gives:
        return entry.mistake(f"needs {fact.words}; put {there[0]} before it")
    why = part.stage and _cause(part.stage, lambda terms: fact not in terms.needs)
    what = f"needs {fact.words}, and {chain[0].entry.name} is none: put {' or '.join(there)} in its place"
    return entry.mistake(what + (f", or leave {why} out" if why else ""), why or "")


def _brought(fact: Fact[Any], chain: Sequence[Built]) -> Iterable[Fact[Any]]:
    """All that the stage that gives a fact would bring with it."""
    names = [one.entry.name for one in _givers(fact, chain)] or _elsewhere(fact)
    cls = stages.find(names[0]) if names else None
    return cls.gives if cls and FRAMES not in cls.gives else ()


def _givers(fact: Fact[Any], chain: Sequence[Built]) -> list[Built]:
    return [part for part in chain if (terms := _terms(part)) and fact in terms.gives]


def _elsewhere(fact: Fact[Any]) -> list[str]:
    """Stages that are not in the pipeline and give it."""
    found = []
    for name in sorted(stages.names(), key=lambda name: name not in stages.built_in):
        with suppress(Exception):  # one that cannot be loaded gives nothing
            cls = stages.find(name)
            if cls is not None and fact in cls.gives:
                found.append(name)
    return found


def _cause(stage: Stage, mended: Any) -> str | None:
    """The option without which a stage would do."""
    for field in dataclasses.fields(stage):  # type: ignore[arg-type]
        if field.default not in (dataclasses.MISSING, getattr(stage, field.name)):
            with suppress(Exception):
                if mended(dataclasses.replace(stage, **{field.name: field.default}).terms()):  # type: ignore[type-var]
                    return field.name
    return None
