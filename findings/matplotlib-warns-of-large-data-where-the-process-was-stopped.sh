#!/usr/bin/env bash
# One would guess: the warning 'Creating legend with loc="best" can be slow with large amounts of data' follows from the
# amount of data, so that a chart of two points never gives it, and one that does gives it every time.
#
# What happens: matplotlib looks at the wall clock before and after it tries the places of a legend, and warns where more
# than a second went by, whatever took it. A chart of two points warns where the process was stopped or kept waiting just
# then: a laptop that was closed, Ctrl-Z, a busy machine. Where warnings are errors, a figure that was drawn a thousand
# times fails once. It is the default place of `axes.legend()`; any place that is named gives no warning.
#
# Seen with matplotlib 3.11.2, Python 3.11, on Linux.
# Source: Legend._find_best_position compares time.perf_counter() with what it was at its begin, if no place was named.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet matplotlib==3.11.2
MPLCONFIGDIR="$folder" "$folder/venv/bin/python" - <<'PYTHON'
import signal
import subprocess
import sys
import time

CHART = """
import sys, time, warnings
import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

print(matplotlib.__version__, flush=True)
canvas = FigureCanvasAgg(Figure())
axes = canvas.figure.add_subplot()
axes.plot([0, 1], [0, 1], label="two points")
legend = axes.legend(**({"loc": sys.argv[1]} if sys.argv[1:] else {}))
canvas.draw()
end = time.monotonic() + 40
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    while time.monotonic() < end and not seen:
        legend.draw(canvas.get_renderer())
print(seen[0].message if seen else "no warning")
"""


def draw(*place):
    """Draw the legend of two points in a process that is stopped for 1.1 s now and then; return what that says."""
    process = subprocess.Popen([sys.executable, "-c", CHART, *place], stdout=subprocess.PIPE, text=True)
    version = process.stdout.readline().strip()
    while process.poll() is None:
        time.sleep(0.05)
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.1)
        process.send_signal(signal.SIGCONT)
    return version, process.stdout.read().strip()


version, usual = draw()
_, named = draw("upper left")
print(f"matplotlib {version}, two points, the process stopped now and then")
print(f"axes.legend(): {usual}")
print(f"axes.legend(loc='upper left'): {named}")
if "large amounts of data" not in usual or named != "no warning":
    raise SystemExit("this is not what was seen before")
PYTHON
