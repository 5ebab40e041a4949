"""What stands behind the configuration is what its source reads."""

from __future__ import annotations

from pathlib import Path

import footage
import pytest
from click.testing import CliRunner, Result

from fervid.pipeline.configuration import config, inputs
from fervid.pipeline.errors import ConfigError
from fervid.pipeline.terminal.cli import app

OWN = "plugins: [{}]\nstages:\n- probe_source: {{path: other.mp4, frames: 3}}\n- probe_sink: {{path: '{{name}}.txt'}}\n"
PROBES = Path(__file__).with_name("probes.py").as_posix()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["run", *arguments], prog_name="fervid")


def fed(text: str, given: str) -> object:
    written = config.parse(text)
    inputs.feed(written, given)
    return written.build()[0]


def test_it_goes_over_that_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(OWN.format(PROBES))
    (tmp_path / "007").touch()
    assert run("own.yaml", "007").exit_code == 0
    assert (tmp_path / "007.txt").read_text() == "0\n1\n2\n"


def test_a_shipped_pipeline_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    footage.make(tmp_path / "talk.mp4", seconds=0.1)
    assert run("file", "talk.mp4", "-q").exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"talk.mp4", "talk.csv"}


@pytest.mark.parametrize(
    ("source", "option", "given"),
    [
        ("file", "path", "a b.mp4"),
        ("images", "path", "photos/*.jpg"),
        ("rtsp", "url", "rtsp://user:password@camera/1"),
        ("webcam", "device", "/dev/video2"),
        ("fer2013", "path", "fer2013.csv"),
        ("image_folder", "path", "faces"),
    ],
)
def test_every_source_that_reads_something_takes_it(source: str, option: str, given: str) -> None:
    assert str(getattr(fed(f"stages: [{source}, {{csv: {{}}}}]", given), option)) == given


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["demo", "talk.mp4"],
            "demo: takes no input, so it cannot read talk.mp4; put a source such as file there",
        ),
        (["file", "a.mp4", "b.mp4"], "run takes one input, not 2; `fervid batch` takes many"),
        (["file", "a.mp4", "-s", "file.path=b.mp4"], "file: is to read a.mp4 too; name one of them"),
        (["rtsp", "http://me:hunter2@x/"], "http://***@x/: rtsp: option 'url': must begin with rtsp:// or rtsps://"),
        (["file", "none.mp4"], "none.mp4: no such file"),
    ],
)
def test_what_cannot_be_is_said(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.exit_code in {2, 4}
    assert done.stderr.splitlines()[-1].endswith(message)
    assert "hunter2" not in done.stderr


def test_a_pipeline_that_is_wrong_says_so_first() -> None:
    with pytest.raises(ConfigError, match="no stage 'fiel'; did you mean 'file'"):
        fed("stages: [fiel, csv]", "talk.mp4")
    with pytest.raises(ConfigError, match="needs frames; put a source"):
        fed("stages: [detect, csv]", "talk.mp4")
