"""Load stages that are not fervid's: modules, and files beside the YAML."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path

from fervid.pipeline.errors import ConfigError, FervidError


def load_plugin(plugin: str, folder: Path) -> None:
    """Load a module, or a .py file that is looked for in `folder`.

    Raises:
        ConfigError: it is missing or raised.
    """
    try:
        if plugin.endswith(".py"):
            _load_file((folder / plugin).resolve(), plugin)
        else:
            importlib.import_module(plugin)
    except FervidError as error:
        raise ConfigError(f"plugin {plugin}: {error}") from error
    except (Exception, SystemExit) as error:
        raise ConfigError(f"plugin {plugin}: raised {type(error).__name__}: {error}") from error


def _load_file(path: Path, plugin: str) -> None:
    name = f"fervid_plugin_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return
    if not path.is_file():
        raise ConfigError(f"no such file; looked for {path}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{plugin} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
