"""Where data sets come from. Every source validates what it reads and returns ``Loaded``."""

from penchant.data.sources.amazon import amazon
from penchant.data.sources.complete_journey import complete_journey
from penchant.data.sources.known import known_names, load
from penchant.data.sources.loaded import Loaded
from penchant.data.sources.movielens import movielens
from penchant.data.sources.tables import from_csv, from_folder, from_frames

__all__ = ["Loaded", "amazon", "complete_journey", "from_csv", "from_folder", "from_frames", "known_names", "load", "movielens"]
