"""YAML that nobody vouches for becomes plain data with lines, or one clear error."""

from __future__ import annotations

import time

import pytest

from fervid.pipeline.configuration import config, document
from fervid.pipeline.errors import ConfigError


def plain(text: str) -> object:
    return document.read(text, "a.yaml").plain()


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        document.read(text, "a.yaml")
    return str(caught.value)


def test_plain_data_is_read() -> None:
    assert plain("{a: [1, 2.5, true, null, word, 'quoted']}") == {"a": [1, 2.5, True, None, "word", "quoted"]}


@pytest.mark.parametrize(
    "text", ["007", "1.10", "0x1f", "1_000", "1:30", f"{'1:' * 300}1.0", "2024-01-01", "1e-4", "+5"]
)
def test_what_may_be_a_name_stays_as_it_is_written(text: str) -> None:
    assert plain(text) == text


def test_every_value_knows_its_line() -> None:
    root = document.read("a: 1\nb:\n  - x\n  - {c: 2}\n", "a.yaml")
    assert root.value["a"].line == 1
    assert [one.line for one in root.value["b"].value] == [3, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.yaml: empty; a pipeline has a list of stages"),
        ("a: 1\na: 2", "a.yaml:2: 'a' stands here twice; remove one"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", "a.yaml:2: tags (!) are not allowed; write plain values"),
        ("a: ! x", "a.yaml:1: tags (!) are not allowed; write plain values"),
        ("a: &x 1\nb: *x", "a.yaml:1: anchors and aliases (&, *) are not allowed; write the value out"),
        ("a: *x", "a.yaml:1: anchors and aliases (&, *) are not allowed; write the value out"),
        ("<<: {a: 1}", "a.yaml:1: a key must be a plain word"),
        ("[a]: 1", "a.yaml:1: a key must be a plain word"),
        (
            "a: [1\nb: 2",
            "a.yaml:2: not YAML: expected ',' or ']', but got ':' while parsing a flow sequence, which began on line 1",
        ),
        ("a: 1\n---\nb: 1", "a.yaml:2: not YAML: but found another document"),
        (
            "a:\n\t- b",
            "a.yaml:2: not YAML: found character '\\t' that cannot start any token; indent with spaces, not tabs",
        ),
        ("a: \x00", "a.yaml: not YAML: unacceptable character #x0000: special characters are not allowed"),
        ("a: '\ud800'", "a.yaml: not YAML: unacceptable character #xd800: special characters are not allowed"),
    ],
)
def test_what_is_more_or_less_than_plain_data_is_refused(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, "{a: " * 200_000, "- " * 200_000, "\n".join(" " * n + "a:" for n in range(1000)), "[" * 33],
    ids=["flow lists", "flow mappings", "block lists", "block mappings", "one too many"],
)
def test_deep_nesting_is_refused_at_once(text: str) -> None:
    began = time.process_time()
    assert "nested more than 32 levels deep" in refusal(text)
    assert time.process_time() - began < 2


def test_a_merge_bomb_is_refused_at_once() -> None:
    bomb = "a: &a {x: 1}\n" + "".join(
        f"{c}: &{c} {{<<: [{f'*{p}, ' * 9}]}}\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    )
    began = time.process_time()
    assert "anchors and aliases" in refusal(bomb)
    assert time.process_time() - began < 1


def test_more_than_a_megabyte_is_refused() -> None:
    assert refusal("#" * 1_000_001) == "a.yaml: longer than 1 MB; a pipeline is a short list"


def test_a_number_without_end_is_refused() -> None:
    assert refusal(f"a: {'9' * 5000}").startswith("a.yaml: not YAML: Exceeds the limit (4300 digits)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages:\n" + "- detect\n" * 110_000, "a.yaml:1999: more than 2000 values; a pipeline is a short list"),
        (f"stages: [{'a,' * 490_000}]", "a.yaml:1: more than 2000 values; a pipeline is a short list"),
        (f"stages: [{'a,' * 490_000}", "a.yaml:1: more than 2000 values; a pipeline is a short list"),
        (f"stages: [{'a,' * 101}]", "a.yaml:1: more than 100 stages are no pipeline"),
    ],
    ids=["lines", "flow", "torn", "stages"],
)
def test_a_long_one_is_refused_at_once(text: str, message: str) -> None:
    began = time.process_time()
    with pytest.raises(ConfigError) as caught:
        config.parse(text, origin="a.yaml").build()
    assert str(caught.value) == message
    assert time.process_time() - began < 2


def test_as_many_mistakes_as_there_may_be_are_told_soon() -> None:
    began = time.process_time()
    with pytest.raises(ConfigError) as caught:
        config.parse("stages:\n" + "- smoth\n" * 100).build()
    assert len(caught.value.mistakes) == 100
    assert time.process_time() - began < 4
