"""Where data sets come from. Every source validates what it reads and returns ``Loaded``."""

from penchant.data.sources.amazon import from_amazon
from penchant.data.sources.complete_journey import from_complete_journey
from penchant.data.sources.known import known_names, load
from penchant.data.sources.loaded import Loaded
from penchant.data.sources.movielens import from_movielens
from penchant.data.sources.tables import from_csv, from_folder, from_frames

__all__ = [
    "Loaded",
    "from_amazon",
    "from_complete_journey",
    "from_csv",
    "from_folder",
    "from_frames",
    "from_movielens",
    "known_names",
    "load",
]
