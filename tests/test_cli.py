"""The command as people use it: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from tiny import saved

from fervid.pipeline.stage import stages
from fervid.pipeline.terminal.cli import app

ROOT = Path(__file__).parents[1]
PROBES = Path(__file__).with_name("probes.py").as_posix()
FERVID = [sys.executable, "-c", "from fervid.pipeline.terminal.cli import main; main()"]
HEAVY = ("av", "cv2", "matplotlib", "mediapipe", "numpy", "onnxruntime", "scipy", "torch")


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="fervid")


def written(folder: Path, chain: str, name: str = "a.yaml") -> str:
    path = folder / name
    path.write_text(f"plugins: [{PROBES}]\nstages:\n{chain}")
    return str(path)


def _processor_time() -> float:
    """Seconds that ended children took; on an idle machine that is the time one waits for them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class TestStart:
    @pytest.mark.parametrize(
        ("arguments", "times"), [(["--help"], 1), (["validate", str(ROOT / "configs" / "file.yaml")], 3)]
    )
    def test_it_is_quick_and_loads_nothing_heavy(self, arguments: list[str], times: float) -> None:
        code = (
            "import sys, atexit; from fervid.pipeline.terminal.cli import main\n"
            f"atexit.register(lambda: print('loaded', sorted({set(HEAVY) - {'numpy'}} & sys.modules.keys())))\nmain()"
        )
        for _ in range(3):
            began = _processor_time()
            subprocess.run([sys.executable, "-c", "import click, yaml, pydantic.dataclasses"], check=True)
            yardstick, began = _processor_time() - began, _processor_time()
            done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
            spent = _processor_time() - began
            assert done.returncode == 0, done.stderr
            assert done.stdout.endswith("loaded []\n")
            if spent < times * yardstick:
                return
        pytest.fail(f"took {spent:.2f} seconds, {spent / yardstick:.1f} times as long as what it imports")

    def test_it_says_its_version(self) -> None:
        assert call("--version").output == f"fervid {metadata.version('fervid')}\n"

    def test_every_command_says_what_it_is_for(self) -> None:
        assert "Start with `fervid run demo`" in call("--help").output
        for name, command in app.commands.items():
            assert command.help, name
            assert call(name, "--help").exit_code == 0

    def test_a_wrong_command_is_a_usage_error(self) -> None:
        assert call("rum").exit_code == 2
        assert call("run").exit_code == 2


class TestRun:
    def test_a_summary_says_what_was_found_and_where_it_is(self, tmp_path: Path) -> None:
        config = written(tmp_path, f"- probe_source\n- probe_sink: {{path: '{tmp_path}/{{name}}.txt'}}\n")
        done = call("run", config)
        assert done.exit_code == 0
        assert done.stdout == ""
        first, *rest = done.stderr.splitlines()
        assert first.startswith("probe: 10 frames in 0.")
        assert rest == [
            "  faces     10, 1 track",
            "  emotions  happy 70%, sad 30%",
            f"  written   {tmp_path}/probe.txt",
        ]

    @pytest.mark.parametrize("command", ["run", "validate"])
    def test_work_in_vain_is_told(self, tmp_path: Path, command: str) -> None:
        message = (
            "fervid: nothing keeps or shows what the last stage, draw, makes; csv, video or display behind it would"
        )
        useless, useful = "- demo: {frames: 1}\n- detect\n", f"- csv: {{path: '{tmp_path}/{{name}}.csv'}}\n"
        assert message in call(command, written(tmp_path, f"{useless}{useful}- draw\n")).stderr
        assert "nothing keeps" not in call(command, written(tmp_path, f"{useless}- draw\n{useful}")).stderr

    def test_quiet_says_nothing(self, tmp_path: Path) -> None:
        assert call("run", "--quiet", written(tmp_path, "- probe_source\n")).output == ""

    def test_what_stages_log_is_told_without_passwords(self, tmp_path: Path) -> None:
        done = call("run", "-q", written(tmp_path, "- probe_source\n- probe_fault: {kind: warning}\n"))
        assert done.stderr == "fervid: rtsp://***@camera/live is slow\n"

    def test_losses_are_told(self, tmp_path: Path) -> None:
        done = call("run", written(tmp_path, "- probe_source: {damaged: 3, cut: truncated}\n"))
        assert "  lost      the input ends early (truncated): 10 of about 10 frames\n" in done.stderr
        assert "  lost      3 damaged packets or images, passed over or shown with their faults\n" in done.stderr
        assert done.exit_code == 0

    def test_a_profile_says_what_each_stage_cost(self, tmp_path: Path) -> None:
        done = call("run", "--profile", "-q", written(tmp_path, "- probe_source: {delay: 0.002}\n- probe_apart\n"))
        heading, source, apart, total, note = done.stderr.splitlines()
        assert heading.split() == ["stage", "start-up", "s", "ms", "a", "frame", "waiting", "share", "of", "time"]
        assert source.split()[0] == "probe_source"
        assert 2 <= float(source.split()[2]) < 200
        assert float(apart.split()[3]) > 1.5
        assert total.split()[0] == "all"
        assert note.startswith("Stages overlap in threads")

    def test_settings_go_over_the_yaml(self, tmp_path: Path) -> None:
        config = written(tmp_path, "- probe_source\n")
        assert "probe: 3 frames in" in call("run", config, "--set", "probe_source.frames=3").stderr

    @pytest.mark.parametrize(
        ("kind", "code", "line"),
        [
            ("input", 4, "fervid: rtsp://***@camera/live: refused\n"),
            (
                "error",
                7,
                "fervid: probe_fault: raised ValueError: a fault for rtsp://***@camera/live "
                "(FERVID_DEBUG=1 shows where)\n",
            ),
            (
                "library",
                7,
                "fervid: probe_fault: the system library libGL.so.1 is missing; "
                "install it: sudo apt-get install libgl1 libglib2.0-0\n",
            ),
            ("memory", 1, "fervid: out of memory\n"),
            ("exit", 7, "fervid: probe_fault: raised SystemExit: a stage must not exit (FERVID_DEBUG=1 shows where)\n"),
        ],
    )
    def test_a_fault_is_one_line_and_a_code(self, tmp_path: Path, kind: str, code: int, line: str) -> None:
        sink = f"- probe_sink: {{path: '{tmp_path}/{{name}}.txt'}}\n"
        done = call("run", written(tmp_path, f"- probe_source\n{sink}- probe_fault: {{kind: {kind}}}\n"))
        told = re.sub(r", \S+/probes\.py:\d+", "", done.stderr)
        assert told == f"  written   {tmp_path}/probe.partial.txt\n{line}"
        assert done.exit_code == code

    @pytest.mark.parametrize(
        ("place", "code"),
        [("module", 2), ("__post_init__", 2), ("terms", 2), ("run", 7)],
    )
    def test_a_plugin_cannot_end_it_as_if_all_were_well(self, tmp_path: Path, place: str, code: int) -> None:
        method = "" if place == "module" else f"    def {place}(self, *_):\n        sys.exit(0)\n"
        (tmp_path / "plugin.py").write_text(
            "import sys\nfrom dataclasses import dataclass\nfrom fervid.pipeline import Stage, register\n"
            + ("sys.exit(0)\n" if place == "module" else "")
            + "@register('quits')\n@dataclass(frozen=True)\nclass Quits(Stage):\n"
            + "    def run(self, frames):\n        yield from frames\n"
            + method
        )
        sink = f"- probe_sink: {{path: '{tmp_path}/a.txt'}}\n"
        path = tmp_path / "a.yaml"
        path.write_text(f"plugins: [{PROBES}, plugin.py]\nstages:\n- probe_source\n- quits\n{sink}")
        done = call("run", str(path))
        stages.known.pop("quits", None)
        assert (done.exit_code, (tmp_path / "a.txt").exists()) == (code, False)
        assert "raised SystemExit: 0" in done.stderr

    def test_debug_shows_where(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FERVID_DEBUG", "1")
        done = call("run", written(tmp_path, "- probe_source\n- probe_fault\n"))
        assert "probes.py" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("fervid: probe_fault: raised ValueError: ")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["none.yaml"], "fervid: none.yaml: no such file (fervid ships "),
            (["wbcam"], "fervid: wbcam: no such file; did you mean 'webcam'?"),
            (["demo", "-s", "demo.frames=0"], "fervid: --set demo.frames: demo: option 'frames': input should be"),
            (["demo", "-s", "demo.frames"], "fervid: --set demo.frames: write it as stage.option=value"),
        ],
    )
    def test_a_wrong_config_ends_with_code_2(self, arguments: list[str], message: str) -> None:
        done = call("run", *arguments)
        assert done.exit_code == 2
        assert done.stderr.startswith(message)

    def test_a_terminal_shows_a_bar_and_wipes_it_away(self, tmp_path: Path) -> None:
        pty = pytest.importorskip("pty")
        config = written(tmp_path, "- probe_source: {frames: 60, delay: 0.01}\n")
        parent, child = pty.openpty()
        process = subprocess.Popen([*FERVID, "run", config], stderr=child, env={**os.environ, "TERM": "xterm"})
        os.close(child)
        shown = _drained(parent)
        assert process.wait(30) == 0
        assert "/60 frames, " in shown
        assert "1 face now" in shown
        assert "probe" in shown.rpartition("\x1b[2K")[2]
        assert "█" in shown.rpartition("\x1b[2K")[2]


def _drained(terminal: int) -> str:
    shown = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            return shown.decode()
        shown += more


class TestLooking:
    def test_validate_names_the_stages(self, tmp_path: Path) -> None:
        config = written(tmp_path, "- probe_source\n- probe_pass\n")
        assert call("validate", config).output == f"{config}: ok, 2 stages: probe_source -> probe_pass\n"
        done = call("validate", config, "--set", "probe_pass.dely=3")
        assert done.exit_code == 2
        assert done.output.startswith(
            "fervid: --set probe_pass.dely: probe_pass: no option 'dely'; did you mean 'delay'?"
        )

    def test_config_show_holds_every_default(self, tmp_path: Path) -> None:
        done = call("config", "show", written(tmp_path, "- probe_source\n"), "-s", "probe_source.frames=3")
        assert yaml.safe_load(done.output) == {
            "plugins": [PROBES],
            "threads": True,
            "stages": [{"probe_source": {"path": None, "frames": 3, "delay": 0.0, "damaged": 0, "cut": None}}],
        }

    def test_stages_list_names_all(self) -> None:
        done = call("stages", "list", "--plugin", PROBES)
        listed = [line.split()[0] for line in done.output.splitlines() if line.startswith("  ")]
        assert sorted(listed) == stages.names()
        assert "  demo           Try a pipeline without a camera or a video" in done.output
        assert "plugins\n" in done.output

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ("no_such_module:Stage", "ModuleNotFoundError: No module named 'no_such_module'"),
            ("json:dumps", "json:dumps is no stage; the class must have the base Stage"),
        ],
    )
    def test_a_broken_stage_of_another_package_is_named(
        self, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = metadata.EntryPoints([metadata.EntryPoint("broken_one", value, "fervid.stages")])
        monkeypatch.setattr("fervid.pipeline.registry.entry_points", broken.select)
        for command in (["stages", "list"], ["schema"]):
            done = call(*command)
            assert done.exit_code == 0
            assert done.stderr == f"fervid: broken_one: cannot be loaded: {reason}\n"
            assert "demo" in done.stdout
            assert "broken_one" not in done.stdout
        assert call("stages", "show", "broken_one").stderr == f"fervid: broken_one: cannot be loaded: {reason}\n"
        assert call("validate", "demo").exit_code == 0

    def test_stages_show_tells_all(self) -> None:
        done = call("stages", "show", "probe_sink", "--plugin", PROBES)
        assert done.output == (
            "probe_sink: Writes one flushed line a frame.\n\n"
            "  probe_sink takes\n    path: text, required    Where to.\n\n"
            "  needs frames\n\n"
            "  in a YAML:\n    - probe_sink: {path: PATH}\n"
        )

    def test_stages_show_of_an_unknown_one_suggests(self) -> None:
        done = call("stages", "show", "dmo")
        assert done.exit_code == 2
        assert done.output.startswith("fervid: no stage 'dmo'; did you mean 'demo'? (there is ")
        assert "one of your own needs --plugin FILE" in done.output

    def test_every_stage_can_be_shown(self) -> None:
        for name in stages.names():
            done = call("stages", "show", name)
            assert done.exit_code == 0
            assert done.output.startswith(f"{name}: ")


class TestModels:
    def test_networks_and_weights_are_listed(self) -> None:
        done = call("models", "list")
        assert done.output.startswith("networks\n")
        assert "  cnn3           The smallest network" in done.output
        assert done.output.count("\nweights\n") == 1

    def test_what_one_wants_to_know_is_shown(self, tmp_path: Path) -> None:
        figures = {"test": {"faces": 3589, "accuracy": 0.7, "macro_f1": 0.65}, "votes": {"test": {"accuracy": 0.85}}}
        figures["speed"] = {"tiny.onnx": {"ms_per_face": 1.136}}
        notes = {"stored_as": "fp16", "known_failures": "all\x1b[2J " * 20}
        path = saved(tmp_path, figures=figures, notes=notes, recipe={"epochs": 60})
        head, table, failures, *_, where = call("models", "show", str(path)).output.split("\n\n")
        assert head.startswith("tiny\n  file     ")
        assert "24 x 24 pixels, 1,519 parameters; answers: labels\n" in head
        assert head.endswith("  takes    tiny.onnx 1.14 ms a face on one thread")
        assert table == (
            "  measured on  faces  accuracy  macro-F1  calibration error\n"
            "  test         3,589     70.0%     65.0%\n"
            "  votes, test            85.0%"
        )
        assert failures.startswith("  known failures: all[2J all")
        assert max(map(len, failures.splitlines())) <= 100
        assert where == f"  The whole card: fervid models show {path} --json\n"

    @pytest.mark.parametrize(
        "facts", [{"figures": {"speed": [1]}}, {"figures": {"speed": {"a": 1}}}, {"data": {"train": [1]}}]
    )
    def test_a_card_that_holds_nonsense_is_shown_without_it(self, tmp_path: Path, facts: dict[str, Any]) -> None:
        assert "nothing was measured" in call("models", "show", str(saved(tmp_path, **facts))).output

    def test_the_whole_card_is_shown(self, tmp_path: Path) -> None:
        path = saved(tmp_path, seed=3, notes={"known_failures": "all"}, recipe={"epochs": 60})
        shown = json.loads(call("models", "show", str(path), "--json").output)
        assert shown["network"] == "tiny"
        assert shown["notes"] == {"known_failures": "all"}
        assert shown["labels"][3] == "happy"
        assert shown["recipe"] == {"epochs": 60}

    def test_what_is_not_there_is_said(self) -> None:
        done = call("models", "show", "nonsense")
        assert done.exit_code == 6
        assert done.output.startswith("fervid: no weights 'nonsense'")

    def test_an_export_says_how_well_it_agrees(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        done = call("models", "export", str(saved(tmp_path)))
        assert done.exit_code == 0, done.output
        first, second = done.output.splitlines()
        assert first == "tiny.onnx: the same label on 100.00% of 128 faces"
        assert second.startswith("largest difference of a probability: ")
        assert (tmp_path / "tiny.onnx").is_file()

    def test_eight_bits_need_faces(self, tmp_path: Path) -> None:
        done = call("models", "export", str(saved(tmp_path)), "--int8", "--out", str(tmp_path / "a.int8.onnx"))
        assert done.exit_code == 6
        assert done.output.startswith("fervid: int8 needs faces to measure its ranges on")
