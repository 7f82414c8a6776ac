"""How long a network takes to answer, and to train, before it is trained."""

import pytest

from models import latency, probe
from models.data import Images
from models.family import Resources
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


def test_the_time_of_an_epoch_is_told_from_some_of_the_images(
    bars: Images, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "IMAGES", 32)
    family = configuration("mlp")
    seen: list[int] = []

    class Watched:
        def fit(self, network: object, images: Images, **how: int) -> object:
            seen.append(len(images.train))
            yield from ({"seconds": seconds} for seconds in (9.0, 0.25, 0.5, 0.75))

    network = family.build(bars.shape, seed=1)
    assert probe.epoch_seconds(Watched(), network, bars) == 0.25 * len(bars.train) / 32  # type: ignore[arg-type]  # fits
    assert seen == [32]
    assert (probe.epoch_seconds(family, network, family.prepare(bars, resources)) or 0) > 0
