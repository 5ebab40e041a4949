"""Options are checked, described and explained from their fields alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Lt

from fervid.pipeline.configuration import options
from fervid.pipeline.errors import ConfigError
from fervid.pipeline.stage import Stage, register, stages


@register("test_options")
@dataclass(frozen=True)
class Sample(Stage):
    """A stage with one option of each kind."""

    path: str
    """Where to,
    and no further."""
    half_life: Annotated[float, Gt(0)] = 0.4
    """Seconds until an old score counts half."""
    every: Annotated[int, Ge(1), Lt(100)] = 1
    """Frames."""
    kind: Literal["short", "full"] = "short"
    bare: bool = False
    limit: float | None = None

    def __post_init__(self) -> None:
        if self.every == 13:
            raise ValueError("every must not be 13")


def refusal(**given: Any) -> str:
    with pytest.raises(options.OptionError) as caught:
        options.build(Sample, {"path": "x", **given})
    return str(caught.value)


def test_what_is_given_is_built_and_the_rest_is_default() -> None:
    assert options.build(Sample, {"path": "x", "half_life": 1, "limit": None}) == Sample("x", half_life=1.0)


def test_a_number_may_be_a_name_and_a_name_a_number() -> None:
    assert options.build(Sample, {"path": 12, "half_life": "0.50"}) == Sample("12", half_life=0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"half_life": 0}, "option 'half_life': input should be greater than 0"),
        ({"half_life": float("nan")}, "option 'half_life': input should be a finite number"),
        (
            {"half_life": "fast"},
            "option 'half_life': input should be a valid number, unable to parse string as a number",
        ),
        ({"half_life": True}, "option 'half_life': takes float > 0, not true"),
        ({"every": 1.5}, "option 'every': input should be a valid integer, got a number with a fractional part"),
        ({"every": 100}, "option 'every': input should be less than 100"),
        ({"every": 13}, "every must not be 13"),
        ({"kind": "long"}, "option 'kind': input should be 'short' or 'full'"),
        ({"path": ["a"]}, "option 'path': input should be a valid string"),
    ],
)
def test_a_wrong_value_is_explained(given: dict[str, Any], message: str) -> None:
    assert refusal(**given) == message


def test_a_missing_option_says_what_it_means() -> None:
    with pytest.raises(options.OptionError) as caught:
        options.build(Sample, {})
    assert str(caught.value) == "option 'path' is missing: Where to, and no further."


def test_an_unknown_option_lists_the_known_ones() -> None:
    assert refusal(half_lief=1) == (
        "no option 'half_lief'; did you mean 'half_life'?\n"
        "  test_options takes\n"
        "    path: text, required                    Where to, and no further.\n"
        "    half_life: float > 0, default 0.4       Seconds until an old score counts half.\n"
        "    every: int >= 1 and < 100, default 1    Frames.\n"
        '    kind: short | full, default "short"\n'
        "    bare: true | false, default false\n"
        "    limit: float | null, default null"
    )


@pytest.mark.parametrize(
    ("word", "end"), [("smoth", "; did you mean 'smooth'?"), ("emo", "; did you mean 'emotions'?")]
)
def test_a_near_word_is_suggested(word: str, end: str) -> None:
    assert options.suggest(word, ["smooth", "emotions"]) == end
    assert options.suggest("xyzzy", ["smooth", "emotions"]) == ""


def test_values_hold_defaults_and_no_password() -> None:
    assert options.values(Sample("rtsp://me:hunter2@camera/live?token=abc")) == {
        "path": "rtsp://***@camera/live?token=***",
        "half_life": 0.4,
        "every": 1,
        "kind": "short",
        "bare": False,
        "limit": None,
    }


def test_a_class_that_is_no_dataclass_is_explained() -> None:
    class Bare(Stage):
        count: int = 1

    with pytest.raises(options.OptionError, match=r"is no dataclass; put @dataclass\(frozen=True\) on its class"):
        options.build(Bare, {})


def test_an_option_of_a_type_that_yaml_cannot_give_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "known", {})  # no later test shall find so odd a stage

    @register("test_options_odd")
    @dataclass(frozen=True)
    class Odd(Stage):
        stream: Stage

    with pytest.raises(options.OptionError, match="an option has a type that YAML cannot give"):
        options.build(Odd, {"stream": 1})


def test_two_stages_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="'demo' is a stage of fervid; choose another name"):
        register("demo")(Sample)
    for module in ("elsewhere", Sample.__module__):
        other = type("Other", (Stage,), {"__module__": module})
        both = rf"two stages are named 'test_options': .*test_options\.Sample and {module}\.Other; rename one"
        with pytest.raises(ConfigError, match=both):
            register("test_options")(other)
