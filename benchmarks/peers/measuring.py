"""What every runner shares, whoever's interpreter runs it: so only the standard library.

A runner is called as ``python run_X.py EVENTS OPTIONS``. EVENTS is a CSV file (user, item, place, held: 0 training,
1 validation, 2 test), OPTIONS a JSON object. It prints one JSON object as its last line.
"""

import json
import sys
import time
from pathlib import Path


class Throughput:
    """Targets a second of the steps after ``warm`` ones; done after ``seconds`` and at least ``least`` measured steps."""

    def __init__(self, seconds, warm=2, least=3):
        self.seconds, self.warm, self.least = seconds, warm, least
        self.steps = self.targets = 0
        self.started = self.ended = 0.0

    def tick(self, targets):
        """A step with so many targets is over. Returns whether that is enough."""
        self.steps += 1
        self.ended = time.perf_counter()
        if self.steps <= self.warm:
            self.started = self.ended
        else:
            self.targets += targets
        return self.steps >= self.warm + self.least and self.ended - self.started > self.seconds

    @property
    def rate(self):
        return self.targets / max(self.ended - self.started, 1e-9)


def request():
    """(path of the events, options) from the command line."""
    return sys.argv[1], json.loads(sys.argv[2])


def answer(**found):
    """Print the result."""
    sys.stdout.write("\n" + json.dumps(found) + "\n")
    sys.stdout.flush()


def median_ms(call, count, warm=3):
    """Median milliseconds of call(0), call(1), ... after a few to warm up."""
    times = []
    for index in range(warm + count):
        started = time.perf_counter()
        call(index)
        times.append(time.perf_counter() - started)
    return sorted(times[warm:])[count // 2] * 1e3


def peak_mb():
    """The most memory this process ever held, in 10^6 bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return float("nan")
