"""Without the extra everything else works, and who needs it is told what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

from penchant.core.errors import AssetError
from penchant.llm.extra import needed


def test_a_package_that_is_not_there_is_named_with_its_remedy() -> None:
    assert needed("json").dumps(1) == "1"
    with pytest.raises(AssetError, match=r'package no_such_package: .*pip install "penchant\[llm\]"'):
        needed("no_such_package")


def test_commands_start_without_the_extra() -> None:
    blocked = "import sys; sys.modules.update(dict.fromkeys(['openai', 'llguidance', 'jsonschema_rs', 'gguf', 'peft'])); "
    code = blocked + "from penchant.cli.main import app; app(['enrich', '--help'], standalone_mode=False)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "short title" in done.stdout
