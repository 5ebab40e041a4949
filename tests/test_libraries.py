"""Libraries report to nobody; a missing one is one line that says how to install it."""

from __future__ import annotations

import importlib
import os
import sys
import types
import warnings

import pytest

from fervid.pipeline import Pipeline
from fervid.pipeline.errors import StageError
from fervid.pipeline.libraries import missing_library, silence


def test_a_missing_system_library_names_its_package() -> None:
    error = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    assert missing_library(error) == (
        "the system library libGL.so.1 is missing; install it: sudo apt-get install libgl1 libglib2.0-0"
    )


def test_an_unknown_system_library_is_named() -> None:
    error = ImportError("libodd.so.7: cannot open shared object file: No such file or directory")
    assert missing_library(error) == (
        "the system library libodd.so.7 is missing; install it: the package of your system that has it"
    )


def test_a_missing_module_of_an_extra_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ImportError) as caught:
        importlib.import_module("openvino")
    assert missing_library(caught.value) == "openvino is not installed; install it: pip install 'fervid[openvino]'"


@pytest.mark.parametrize("error", [ImportError("cannot import name 'x'"), ModuleNotFoundError("no", name="my_module")])
def test_other_faults_are_not_explained_away(error: ImportError) -> None:
    assert missing_library(error) is None


def test_a_run_ends_with_that_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory", name=name)

    monkeypatch.setattr("fervid.stages.sources.demo._portrait", lambda: refuse("cv2"))
    with pytest.raises(StageError) as caught:
        list(Pipeline.parse("stages:\n- demo\n"))
    assert str(caught.value) == (
        "demo: the system library libGL.so.1 is missing; install it: sudo apt-get install libgl1 libglib2.0-0"
    )


def test_a_library_that_was_loaded_too_early_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", types.ModuleType("onnxruntime"))
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    with pytest.warns(UserWarning, match="onnxruntime was imported before fervid and may report to its maker"):
        silence()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    with warnings.catch_warnings(action="error"):
        silence()
