"""implicit: alternating least squares, ranking all users and answering one, factors solved from the history at hand."""

import csv
import time

import numpy as np
from implicit.als import AlternatingLeastSquares
from measuring import answer, median_ms, peak_mb, request
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

path, options = request()
with open(path, newline="") as file:
    events = np.array([(int(row["user"]), int(row["item"])) for row in csv.DictReader(file) if row["held"] == "0"])
matrix = csr_matrix((np.ones(len(events), np.float32), events.T))
matrix.data[:] = 1.0
threadpool_limits(1, "blas")  # as the library asks for: it makes its own threads
model = AlternatingLeastSquares(factors=options["width"], iterations=15, num_threads=options["threads"], random_state=0)
started = time.perf_counter()
model.fit(matrix, show_progress=False)
fitted = time.perf_counter() - started
users = np.unique(events[:, 0])[: options["users"]]


def rank(rows):
    return model.recommend(rows, matrix[rows], N=10, filter_already_liked_items=True, recalculate_user=True)


rank(users[:256])
started = time.perf_counter()
for first in range(0, len(users), 1024):
    rank(users[first : first + 1024])
ranked = len(users) / (time.perf_counter() - started)
one = median_ms(lambda index: rank(users[index : index + 1]), options["calls"])
answer(fit_seconds=fitted, ranking=ranked, one_ms=one, training_mb=peak_mb(), peak_mb=peak_mb())
