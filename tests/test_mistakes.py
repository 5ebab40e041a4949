"""Every mistake of a file at once, each with its place, and none that vanishes when another is mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fervid.pipeline import ConfigError, Pipeline
from fervid.pipeline.terminal.cli import app

SIX = """\
thread: false
stages:
  - file: {paht: talk.mp4}
  - detect: {min_score: 7, every: 0}
  - track
  - smoth
  - csv: {path: "out/{nam}.csv"}
"""


def validate(path: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["validate", str(path), *options])


def told(text: str) -> list[str]:
    """The mistakes of a pipeline, without the lists of what there is."""
    with pytest.raises(ConfigError) as caught:
        Pipeline.parse(text)
    return [
        str(mistake).removeprefix("<text>:").partition(" (")[0].partition("\n")[0] for mistake in caught.value.mistakes
    ]


def test_six_mistakes_are_six_lines(tmp_path: Path) -> None:
    path = tmp_path / "six.yaml"
    path.write_text(SIX)
    done = validate(path)
    assert done.exit_code == 2
    lines = [
        line.removeprefix("fervid: ").removeprefix(f"{path}:").partition(" (")[0] for line in done.output.splitlines()
    ]
    assert lines == [
        "1: no key 'thread'; did you mean 'threads'?",
        "3: file: no option 'paht'; did you mean 'path'?",
        "4: detect: option 'min_score': input should be less than 1",
        "4: detect: option 'every': input should be greater than or equal to 1",
        "6: no stage 'smoth'; did you mean 'smooth'?",
        "7: csv: option 'path': out/{nam}.csv: no placeholder {nam}; there is {name}, {time}",
    ]


def test_they_are_data_too(tmp_path: Path) -> None:
    path = tmp_path / "six.yaml"
    path.write_text(SIX)
    done = validate(path, "--json")
    assert done.exit_code == 2
    found = json.loads(done.output)
    assert [(one["line"], one["stage"], one["option"]) for one in found] == [
        (1, "", ""),
        (3, "file", "paht"),
        (4, "detect", "min_score"),
        (4, "detect", "every"),
        (6, "", ""),
        (7, "csv", "path"),
    ]
    assert {one["file"] for one in found} == {str(path)}
    assert found[1]["message"] == "no option 'paht'; did you mean 'path'?"


def test_where_all_is_right_the_list_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "right.yaml"
    path.write_text("stages: [demo, detect, csv]")
    assert (validate(path, "--json").output, validate(path, "--json").exit_code) == ("[]\n", 0)


def test_a_file_that_is_no_yaml_is_one_mistake(tmp_path: Path) -> None:
    path = tmp_path / "torn.yaml"
    path.write_text("stages: [demo, {detect: }")
    (only,) = json.loads(validate(path, "--json").output)
    what = "expected ',' or ']', but got '<stream end>' while parsing a flow sequence, which began on line 1"
    assert only == {"file": str(path), "line": 1, "stage": "", "option": "", "message": f"not YAML: {what}"}


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("stages: [demo, track, detect, csv]", ["1: track: needs faces; put detect before it"]),
        (
            "stages: [demo, smooth, csv]",
            ["1: smooth: needs face tracks; put track before it", "1: smooth: needs emotions; put emotions before it"],
        ),
        (
            "stages:\n- detect\n- track\n- csv",
            ["2: detect: needs frames; put a source such as file, webcam or demo before it"],
        ),
        ("stages:\n- fiel: {path: x}\n- detect\n- csv", ["2: no stage 'fiel'; did you mean 'file'?"]),
        ("stages:\n- file: 4\n- detect\n- csv", ["2: file: options are written `{option: value}`"]),
        (
            "plugins: [none.py]\nstages:\n- demo\n- detect\n- mine\n- csv",
            [f"1: plugin none.py: no such file; looked for {Path.cwd() / 'none.py'}"],
        ),
        (
            "stages:\n- demo\n- detect: {every: -3}\n- emotions\n- csv",
            ["3: detect: option 'every': input should be greater than or equal to 1"],
        ),
        (
            "stages:\n- rtsp: {url: 'http://x', timeout: -1}\n- csv",
            [
                "2: rtsp: option 'timeout': input should be greater than 0",
                "2: rtsp: option 'url': must begin with rtsp:// or rtsps://",
            ],
        ),
    ],
)
def test_what_only_follows_from_a_mistake_is_none(text: str, mistakes: list[str]) -> None:
    assert told(text) == mistakes


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("webcam", "and webcam is none: put demo or file or images in its place, or leave two_pass out"),
        (
            "{rtsp: {url: 'rtsp://camera/live'}}",
            "and rtsp is none: put demo or file or images in its place, or leave two_pass out",
        ),
        ("{fer2013: {path: x}}", "and fer2013 is none: put demo or file or images in its place, or leave two_pass out"),
        (
            "{image_folder: {path: x}}",
            "and image_folder is none: put demo or file or images in its place, or leave two_pass out",
        ),
    ],
)
def test_what_would_fail_in_mid_run_for_its_source_is_found_before(source: str, end: str) -> None:
    chain = f"stages: [{source}, detect, track, emotions, {{smooth: {{two_pass: true}}}}, csv]"
    assert told(chain) == [f"1: smooth: needs an input that can be read twice, {end}"]


def test_one_stage_in_a_wrong_place_is_one_mistake() -> None:
    chain = "stages: [demo, track, emotions, smooth, detect, csv]"
    assert told(chain) == ["1: track: needs faces; put detect before it"]
    assert told("stages: [detect, demo, csv]") == [
        "1: demo: is a source; a pipeline has one source, and it stands first"
    ]


def test_faces_are_not_looked_for_behind_what_is_known_of_them() -> None:
    chain = "stages: [{fer2013: {path: x}}, emotions, detect, csv]"
    assert told(chain)[0] == "1: detect: must stand before emotions, which gives emotions"


@pytest.mark.parametrize("text", ["file: {path: ''}", "demo, csv: {path: ''}", "rtsp: {url: ''}", "images: {path: ''}"])
def test_what_is_read_and_written_has_a_name(text: str) -> None:
    stages = "".join(f"- {one}\n" for one in text.split(", "))
    assert told(f"stages:\n{stages}")[0].endswith(("is empty", "must begin with rtsp:// or rtsps://"))


def test_why_a_run_cannot_be_kept_is_told_in_full_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("stages:\n- demo\n- detect\n- track\n- emotions\n- smooth: {two_pass: true}\n")
    done = validate(path, "--checkpoint", "3")
    assert done.stderr.splitlines() == [
        f"fervid: {path}:6: smooth: --checkpoint: needs all frames at once, so its run cannot be resumed; "
        "leave two_pass out",
        f"{path}: --checkpoint: nothing is written; add csv or video",
    ]
    done = CliRunner().invoke(app, ["run", "webcam", "--resume"])
    assert "webcam: --resume: shows no moment twice" in done.stderr


def test_a_key_that_stands_twice_hides_nothing() -> None:
    text = "stages:\n- file: {path: a.mp4, path: b.mp4}\n- detect: {range: huge}\n- csv: {[x]: 1, path: '{nme}'}\n"
    assert told(text) == [
        "2: 'path' stands here twice; remove one",
        "3: detect: option 'range': input should be 'auto', 'short', 'full' or 'far'",
        "4: a key must be a plain word",
        "4: csv: option 'path': {nme}: no placeholder {nme}; there is {name}, {time}",
    ]
