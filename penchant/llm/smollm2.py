"""SmolLM2-135M-Instruct: the small language model that is there without asking anyone, fetched once and kept ready to load.

It comes as one file of 4-bit weights (92 MB). Taking these apart needs a quarter of a minute, so it is done once: what is loaded
from then on are bfloat16 weights (269 MB) with the tokenizer beside them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock

from penchant.core.assets import cache_folder, fetch
from penchant.core.errors import AssetError
from penchant.core.folders import new_name
from penchant.core.progress import stage
from penchant.core.storage import writing
from penchant.llm.quiet import no_progress_bars

NAME = "SmolLM2-135M-Instruct"


def folder() -> Path:
    """The folder of the model as transformers load it: weights, settings, tokenizer and chat template.

    Raises:
        AssetError: It cannot be fetched, or the extra ``llm`` is not installed.
        StorageError: The disk is full, or may not be written.
    """
    ready = cache_folder() / "models" / NAME
    if ready.is_dir():
        return ready
    packed = next(fetch("smollm2").glob("*.gguf"))
    with writing(ready):
        ready.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(ready.with_name(f"{NAME}.lock")):
            if not ready.is_dir():  # another process may have been quicker
                _unpack(packed, ready)
    return ready


def _unpack(packed: Path, ready: Path) -> None:
    """Write the folder whole, or not at all."""
    import torch  # seconds to import, and not every process needs it
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    made = new_name(ready)
    try:
        with stage(f"unpack {NAME}, once"), no_progress_bars():
            how = {"gguf_file": packed.name, "local_files_only": True}
            plain = GgufConfig(dequantize=True)
            model: Any = AutoModelForCausalLM.from_pretrained(packed.parent, dtype=torch.float32, quantization_config=plain, **how)
            if hasattr(model.config, "quantization_config"):  # its weights are not packed any more
                del model.config.quantization_config
            model.to(torch.bfloat16).save_pretrained(made)
            AutoTokenizer.from_pretrained(packed.parent, **how).save_pretrained(made)
        made.rename(ready)
    except ImportError as error:
        raise AssetError(NAME, f"its file cannot be taken apart ({error})", 'install the extra: pip install "penchant[llm]"') from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
