"""RecTools: SASRec with softmax or sampled softmax, trained, ranking all users, answering one. Run by its own interpreter."""

import logging
import time
import warnings

import torch
from measuring import Throughput, answer, median_ms, peak_mb, request
from pytorch_lightning import Callback, Trainer

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

import pandas as pd  # noqa: E402
from rectools import Columns  # noqa: E402
from rectools.dataset import Dataset  # noqa: E402
from rectools.models import SASRecModel  # noqa: E402

path, options = request()
torch.set_num_threads(options["threads"])
events = pd.read_csv(path).query("held == 0")
frame = pd.DataFrame(
    {
        Columns.User: events["user"],
        Columns.Item: events["item"],
        Columns.Weight: 1.0,
        Columns.Datetime: pd.to_datetime(events["place"], unit="D"),
    }
)
dataset = Dataset.construct(frame)
clock = Throughput(options["seconds"])


class Clock(Callback):
    """Counts targets and ends the training."""

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        if clock.tick(int((batch["y"] > 0).sum())):
            trainer.should_stop = True


def trainer():
    return Trainer(
        max_epochs=100, min_epochs=0, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[Clock()],
    )  # fmt: skip


model = SASRecModel(
    n_blocks=options["layers"], n_heads=options["heads"], n_factors=options["width"], dropout_rate=options["dropout"],
    session_max_len=options["length"], batch_size=options["rows"], loss=options["loss"], n_negatives=options["negatives"],
    get_trainer_func=trainer, recommend_torch_device="cpu", recommend_n_threads=options["threads"],
)  # fmt: skip
Clock.__deepcopy__ = lambda self, memo: self  # the model copies its trainer; the clock stays one
model.fit(dataset)
trained_mb = peak_mb()
users = events["user"].unique()[: options["users"]]
model.recommend(users=users[:256], dataset=dataset, k=10, filter_viewed=True)
started = time.perf_counter()
model.recommend(users=users, dataset=dataset, k=10, filter_viewed=True)
ranked = len(users) / (time.perf_counter() - started)
one = median_ms(lambda index: model.recommend(users=users[index : index + 1], dataset=dataset, k=10, filter_viewed=True), options["calls"])
answer(training=clock.rate, steps=clock.steps, ranking=ranked, one_ms=one, training_mb=trained_mb, peak_mb=peak_mb())
