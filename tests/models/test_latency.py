"""How long a network takes to answer."""

import pytest

from models import latency
from models.data import Images
from tests.support import configuration

pytestmark = pytest.mark.usefixtures("tensorflow")


def test_it_is_one_image_that_is_waited_for(bars: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """The median of calls after the first ones: whatever those take, and a rare long one, does not count."""
    ticks = iter([0.0, *(tick for call in range(latency.WARM_UP + latency.FEWEST) for tick in _call(call))])
    monkeypatch.setattr(latency.time, "perf_counter", lambda: next(ticks, 1e6))
    network = configuration("mlp").build(bars.shape, seed=1)
    assert latency.milliseconds(network, bars.validation.images) == pytest.approx(2.0)


def _call(number: int) -> tuple[float, float]:
    slow = number < latency.WARM_UP or number == latency.WARM_UP + 3
    return 100.0 * number, 100.0 * number + (50.0 if slow else 0.002)
