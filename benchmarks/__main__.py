"""Run every benchmark, or those named: python -m benchmarks [loading ranking training profile scaling indexes generative ...].

Afterwards ``python -m benchmarks.page`` renews the page. Measured apart, each by ``python -m benchmarks.NAME``: others (``peers``);
the online platform, which needs a release of its own (``serving``, ``resources``); what it costs by users and items (``cost``); what two
layers of a user are worth together (``layers``); what learning from events as they come is for users (``adaptation``) and for head items
(``tiers``); what each stage of a ranking platform adds (``stages``); when purchases are repeated (``repurchase``); what portraits cost
and foresee (``portraits``); what masks cost BERT4Rec (``masked``); Tandem to its reported accuracy, beside other libraries
(``tandem``).
"""

from __future__ import annotations

import subprocess
import sys

ALL = ("loading", "ranking", "training", "profile", "scaling", "indexes", "generative", "decoders", "quantisers", "demo")

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
