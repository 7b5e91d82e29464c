"""The example plugin's component, loaded from its source without installing it."""

import importlib.util
import sys
from pathlib import Path

PLUGIN = Path(__file__).parents[3] / "examples" / "plugin_demo"


def page() -> object:
    """The plugin's COMPONENT."""
    spec = importlib.util.spec_from_file_location("plugin_demo_page", PLUGIN / "opstwin_plugin_demo" / "page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.COMPONENT
