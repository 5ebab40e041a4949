"""What came from the environment, and passwords whatever they hold, stand in no file and no message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from fervid.pipeline import Pipeline, redaction
from fervid.pipeline.checkpoint import Wish
from fervid.pipeline.configuration import config
from fervid.pipeline.errors import ConfigError
from fervid.pipeline.redaction import redact
from fervid.pipeline.terminal.cli import app
from fervid.stages.sources.decoding.address import address

PROBES = Path(__file__).with_name("probes.py").as_posix()
SECRET = "hun@t/e#r? 2"
"""Holds all that ends a password for those who read URLs too simply."""
URL = f"rtsp://me:{SECRET}@127.0.0.1:1/live"
CHAIN = "stages:\n- demo: {frames: '${COUNT}'}\n- detect\n- csv: {path: 'out/{name}${AFTER}.csv'}\n"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and secrets in the environment."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"COUNT": "5", "AFTER": "_2041", "PASSWORD": SECRET}.items():
        monkeypatch.setenv(name, value)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="fervid")


def mistakes(text: str, **over: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Pipeline.parse(text, {key.replace("__", "."): value for key, value in over.items()})
    return [str(one) for one in caught.value.mistakes]


def test_variables_are_used_and_never_written_out(tmp_path: Path) -> None:
    assert len(list(Pipeline.parse(CHAIN))) == 5
    page = json.loads((tmp_path / "out" / "demo_2041.csv.json").read_text())
    assert page["config"][0]["demo"]["frames"] == "${COUNT}"
    assert page["config"][2]["csv"]["path"] == "out/{name}${AFTER}.csv"


def test_what_is_kept_for_a_resume_holds_none(tmp_path: Path) -> None:
    pipeline = Pipeline.parse(CHAIN, keep=Wish(every=0.05, resume=True))
    frames = iter(pipeline)
    for _ in range(4):
        next(frames)
    frames.close()
    kept = [path for path in (tmp_path / "out").iterdir() if path.suffix != ".part"]
    assert kept
    assert not any(b"_2041" in path.read_bytes() for path in kept)
    assert len(list(Pipeline.parse(CHAIN, keep=Wish(every=0.05, resume=True)))) > 0


def test_one_that_is_missing_is_a_mistake_with_its_line() -> None:
    assert mistakes(CHAIN.replace("COUNT", "NOBODY").replace("detect", "detect: {min_scor: 1}"))[0] == (
        "<text>:2: demo: option 'frames': the environment has no variable NOBODY; set it, "
        "or write $${NOBODY} for the text itself"
    )
    assert mistakes(CHAIN, demo__width="${NO_WIDTH}", demo__height=3) == [
        "--set demo.width: demo: option 'width': the environment has no variable NO_WIDTH; set it, "
        "or write $${NO_WIDTH} for the text itself",
        "--set demo.height: demo: option 'height': input should be greater than or equal to 128",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a$${COUNT}b", "a${COUNT}b"),
        ("$COUNT ${} ${1} {name}", "$COUNT ${} ${1} {name}"),
        ("${COUNT}${COUNT}", "55"),
        (Path("a${COUNT}b"), "a${COUNT}b"),
        (Path("a$${COUNT}b"), "a$${COUNT}b"),
    ],
)
def test_a_dollar_is_written_twice_where_no_variable_is_meant(written: str | Path, meant: str) -> None:
    made = config.parse("stages: [file]", {"file.path": written})
    assert vars(made.build()[0])["path"] == meant
    assert vars(config.parse(config.text(made)).build()[0])["path"] == meant


def test_variables_stand_in_lists_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMN", "score")
    stages = config.parse("stages: [demo, detect, draw: {show: ['${COLUMN}']}]").build()
    assert vars(stages[-1])["show"] == ("score",)


def test_no_command_tells_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text(f"plugins: ['{PROBES}']\nstages:\n- probe_source: {{path: '${{FILM}}.mp4'}}\n")
    monkeypatch.setenv("FILM", "s3cret")
    for command in (["validate", "a.yaml"], ["config", "show", "a.yaml"], ["run", "a.yaml"], ["validate", "--json"]):
        assert "s3cret" not in call(*command).output
    assert "${FILM}.mp4: no such file" in call("run", "a.yaml").output
    assert yaml.safe_load(call("config", "show", "a.yaml").output)["stages"][0]["probe_source"]["path"] == "${FILM}.mp4"


def test_a_batch_resolves_them_in_its_workers(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        f"plugins: ['{PROBES}']\nstages:\n- probe_source: {{frames: '${{COUNT}}'}}\n- csv: {{path: '{{name}}.csv'}}\n"
    )
    (tmp_path / "talk${COUNT}.mp4").touch()
    done = call("batch", "a.yaml", "talk${COUNT}.mp4", "--out", "out", "--quiet")
    assert (done.exit_code, done.output) == (0, "")
    page = json.loads(next((tmp_path / "out").glob("talk*.json")).read_text())
    assert page["frames"] == 5
    assert page["config"][0]["probe_source"]["frames"] == "${COUNT}"


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        (URL, "rtsp://me:hun%40t%2Fe%23r%3F%202@127.0.0.1:1/live"),
        ("rtsp://me:hun%40ter@camera", "rtsp://me:hun%40ter@camera"),
        ("rtsp://me:50%@[fe80::1]:554/live?a=b", "rtsp://me:50%25@[fe80::1]:554/live?a=b"),
        ("rtsp://me:a:b@camera/live", "rtsp://me:a%3Ab@camera/live"),
        ("rtsp://me:://x@camera/live", "rtsp://me:%3A%2F%2Fx@camera/live"),
        (
            "rtsp://me:a@b@camera/user=me_password=a@b_channel=1",
            "rtsp://me:a%40b@camera/user=me_password=a@b_channel=1",
        ),
        ("rtsp://camera:554/user=me_password=a@b_channel=1", "rtsp://camera:554/user=me_password=a@b_channel=1"),
        ("rtsp://camera/live@main", "rtsp://camera/live@main"),
        ("rtsp://me@camera/live", "rtsp://me@camera/live"),
        ("rtsp://camera:554/live", "rtsp://camera:554/live"),
    ],
)
def test_a_password_ends_at_the_last_at_that_a_host_follows(url: str, meant: str) -> None:
    assert address(url) == meant


def test_what_may_be_a_port_or_a_password_is_not_guessed() -> None:
    (told,) = mistakes("stages: [rtsp]", rtsp__url="rtsp://me:123/4@camera/live")
    assert told.startswith(
        "--set rtsp.url: rtsp: option 'url': may name a host and its port, or a user and a password;"
    )
    assert "123" not in told


@pytest.mark.parametrize(
    "url", [URL, "rtsp://me:${PASSWORD}@127.0.0.1:1/live", URL.replace(SECRET, "hun%40t%2Fe%23r%3F%202")]
)
def test_a_password_is_in_no_message(url: str) -> None:
    command = [sys.executable, "-c", "from fervid.pipeline.terminal.cli import main; main()", "run", "rtsp"]
    command += ["--set", f"rtsp.url={url}", "--set", "rtsp.wait=0.1"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"FERVID_DEBUG": "1", "PASSWORD": SECRET}
    )
    assert "rtsp 127.0.0.1: nothing listens at port 1" in done.stderr
    assert not any(part in done.stdout + done.stderr for part in (SECRET, "hun", "e#r", "%23"))


def test_a_secret_that_is_known_is_hidden_in_any_text() -> None:
    config.parse("stages: [rtsp]", {"rtsp.url": URL}).build()
    assert redact(f"tried {SECRET} and hun%40t%2Fe%23r%3F%202 in vain") == "tried *** and *** in vain"
    config.parse("stages: [rtsp]", {"rtsp.url": "rtsp://camera/a?user=me&password=s3 cret&x=1"}).build()
    assert redact("s3 cret and s3%20cret") == "*** and ***"


def test_a_value_that_is_part_of_another_leaves_nothing_of_it() -> None:
    redaction.hide("hunter", "${A}")
    redaction.hide("hunter2", "${B}")
    redaction.hide("abc", "${C}")
    assert redact("hunter2 hunter abc abcd") == "${B} ${A} ${C} abcd"
