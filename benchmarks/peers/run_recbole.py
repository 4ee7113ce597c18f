"""RecBole: SASRec with cross-entropy, one example a prefix, trained, ranking all users. Run by its own interpreter.

RecBole 1.2.1 was written for numpy 1 and an older torch; what they no longer have is given back here, before its import.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from measuring import Throughput, answer, median_ms, peak_mb, request

for old, new in {
    "bool": np.bool_, "int": np.int_, "float": np.float64, "object": np.object_, "str": np.str_, "long": np.int_,
    "float_": np.float64, "complex_": np.complex128, "complex": np.complex128,
    "object_": np.object_, "unicode_": np.str_, "unicode": np.str_,
}.items():  # fmt: skip
    if old not in np.__dict__:
        setattr(np, old, new)

import pandas as pd  # noqa: E402
from recbole.config import Config  # noqa: E402
from recbole.data import create_dataset, data_preparation  # noqa: E402
from recbole.utils import get_model, init_seed  # noqa: E402

path, options = request()
torch.set_num_threads(options["threads"])
folder = Path(tempfile.mkdtemp()) / "events"
folder.mkdir()
events = pd.read_csv(path)[["user", "item", "place"]]
events.columns = ["user_id:token", "item_id:token", "timestamp:float"]
events.to_csv(folder / "events.inter", sep="\t", index=False)
config = Config(
    model="SASRec",
    dataset="events",
    config_dict={
        "data_path": str(folder.parent), "load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "use_gpu": False, "device": "cpu",
        "MAX_ITEM_LIST_LENGTH": options["length"], "n_layers": options["layers"], "n_heads": options["heads"],
        "hidden_size": options["width"], "inner_size": 4 * options["width"], "hidden_dropout_prob": options["dropout"],
        "attn_dropout_prob": options["dropout"], "loss_type": "CE", "train_neg_sample_args": None, "train_batch_size": options["examples"],
        "eval_batch_size": 4096, "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "show_progress": False, "worker": 0, "checkpoint_dir": str(folder.parent), "log_wandb": False,
    },
)  # fmt: skip
init_seed(0, True)
dataset = create_dataset(config)
train, _, test = data_preparation(config, dataset)
model = get_model("SASRec")(config, train.dataset)
optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
clock = Throughput(options["seconds"], warm=1, least=2)
model.train()
for batch in train:  # the library's own loop does just this, and logs
    optimiser.zero_grad()
    loss = model.calculate_loss(batch)
    loss.backward()
    optimiser.step()
    if clock.tick(len(batch)):
        break
trained_mb = peak_mb()
model.eval()


@torch.no_grad()
def rank(interaction):
    """The ten best items of each row, those of its history left out."""
    scores = model.full_sort_predict(interaction).view(len(interaction), -1)
    scores.scatter_(1, interaction["item_id_list"], -torch.inf)
    return scores.topk(10)


done, started = 0, 0.0
rows = [batch[0] for batch in test]
rank(rows[0][:256])
for interaction in rows:
    for first in range(0, len(interaction), 256):
        part = interaction[first : first + 256]
        started = started or time.perf_counter()
        rank(part)
        done += len(part)
    if done >= options["users"]:
        break
ranked = done / (time.perf_counter() - started)
one = median_ms(lambda index: rank(rows[0][index : index + 1]), options["calls"])
answer(training=clock.rate, steps=clock.steps, ranking=ranked, one_ms=one, training_mb=trained_mb, peak_mb=peak_mb())
