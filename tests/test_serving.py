"""A model that is served by a process of its own, asked over real connections."""

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from search.cli import call
from search.commands.predict.service import MOST_BYTES
from search.ui.serving import listen
from tests.search.commands.predict.conftest import LEARNING

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
# As some have it in their CI: what libraries warn of ends nothing.
ENVIRONMENT["PYTHONWARNINGS"] = "error"
JSON = {"Content-Type": "application/json"}
TOGETHER = 100


@dataclass(frozen=True)
class Server:
    """Where a model answers, what it has to know, and what `predict` says of it."""

    port: int
    images: Any
    predicted: list[dict[str, Any]]
    process: subprocess.Popen[str]

    def ask(
        self, body: bytes | str | None, headers: dict[str, str] = JSON, path: str = "/invocations", method: str = "POST"
    ) -> tuple[int, dict[str, Any]]:
        """Return status and answer of one request, over a connection of its own."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars_file: Path, tensorflow: None) -> Path:
    home = tmp_path_factory.mktemp("served")
    words = ["--study", "mlp", "--trials", "1", "--epochs", "6", "--engine", "inline", "--baselines", "none", *LEARNING]
    assert call(["run", *words, "--data", str(bars_file), "--home", str(home)]) == 0
    return home


@pytest.fixture(scope="module")
def server(home: Path, bars_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    told = tmp_path_factory.mktemp("told") / "told.json"
    words = ["--home", str(home), "--format", "json", "--out", str(told)]
    assert call(["predict", "mlp", str(bars_file), *words]) == 0
    with closing(listen(0)) as free:
        port = free.getsockname()[1]
    words = ["serve", "mlp", "--home", str(home), "--port", str(port)]
    with subprocess.Popen(
        [sys.executable, "-m", "search", *words], cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        said = []
        for line in process.stderr:
            said.append(line)
            if "Ctrl-C" in line:
                break
        assert f"http://127.0.0.1:{port}/invocations" in "".join(said)
        with np.load(bars_file, allow_pickle=False) as arrays:
            yield Server(port, arrays["x_test"], json.loads(told.read_text()), process)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 0, rest
        assert rest == ""


def asked(*positions: int, images: Any) -> str:
    return json.dumps({"inputs": images[list(positions)].tolist()})


def without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in names}


def test_a_hundred_at_once_are_all_answered_and_as_predict_answers(server: Server) -> None:
    start = Barrier(TOGETHER)

    def one(position: int) -> tuple[int, dict[str, Any]]:
        start.wait()
        return server.ask(asked(position, images=server.images))

    assert len({told["class"] for told in server.predicted[:TOGETHER]}) == 10
    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = list(pool.map(one, range(TOGETHER)))
    assert [status for status, _ in answers] == [200] * TOGETHER
    for position, (_, answer) in enumerate(answers):
        (given,), told = answer["predictions"], server.predicted[position]
        assert without(given, "inverted", "probability", "top") == {"class": told["class"]}
        assert given["probability"] == pytest.approx(told["probability"], abs=2e-6)


def test_it_answers_whether_it_is_ready(server: Server) -> None:
    for path in ("/ping", "/health"):
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
            connection.request("GET", path)
            assert connection.getresponse().status == 200


def test_many_images_of_one_request_are_answered_in_order(server: Server) -> None:
    for form in ("inputs", "instances"):
        status, answer = server.ask(json.dumps({form: server.images.tolist()}))
        assert status == 200
        assert [one["class"] for one in answer["predictions"]] == [one["class"] for one in server.predicted]


def test_a_picture_in_base64_of_any_size_is_answered(server: Server, tmp_path: Path) -> None:
    from PIL import Image

    picture = Image.fromarray(server.images[7, ..., 0])
    picture.resize((280, 280), Image.Resampling.NEAREST).convert("RGB").save(tmp_path / "a.png")
    coded = base64.b64encode((tmp_path / "a.png").read_bytes()).decode()
    status, answer = server.ask(json.dumps({"inputs": [coded, f"data:image/png;base64,{coded}"]}))
    assert status == 200
    assert answer["predictions"][0] == answer["predictions"][1]
    assert answer["predictions"][0]["class"] == server.predicted[7]["class"]
    assert len(answer["predictions"][0]["top"]) == 3


def with_value(text: str) -> str:
    return json.dumps({"inputs": np.zeros((1, 28, 28), int).tolist()}).replace("[0,", f"[{text},", 1)


WRONG = {
    "no JSON": ("nothing", "Expecting value"),
    "a list": ("[1]", "must be a JSON dictionary"),
    "no input": ('{"pictures": []}', "exactly one of the input fields"),
    "two inputs": ('{"inputs": [], "instances": []}', "exactly one of the input fields"),
    "no image": ('{"inputs": []}', "send {"),
    "null": ('{"inputs": null}', "send {"),
    "a number": ('{"inputs": 1}', "there is no image in it"),
    "an object": ('{"inputs": {"b64": "aa"}}', "send {"),
    "objects": ('{"inputs": [{"b64": "aa"}]}', "send {"),
    "for a chat": ('{"messages": [{"role": "user", "content": "hello"}]}', "send {"),
    "a table": ('{"dataframe_split": {"columns": ["a"], "data": [[1]]}}', "send {"),
    "half a table": ('{"dataframe_split": 5}', "must be a dictionary"),
    "a table of numbers": ('{"dataframe_records": [1, 2]}', "send {"),
    "a wrong shape": ('{"inputs": [[[1, 2], [3, 4]]]}', "it has the shape (1, 2, 2); send"),
    "rows of different lengths": ('{"inputs": [[[1, 2], [3]]]}', "lists of different lengths"),
    "too bright": (with_value("256"), "it goes from 0 to 256"),
    "negative": (with_value("-1"), "it goes from -1 to 0"),
    "a fraction": (
        with_value("0.5"),
        "it holds fractions (float64) from 0 to 0.5; if 0 is black and 1 white: `inputs = numpy.rint(inputs * 255)",
    ),
    "NaN": (with_value("NaN"), "with NaN or infinity among them; leave these images out"),
    "infinity": (with_value("1e999"), "with NaN or infinity among them; leave these images out"),
    "a text": (with_value('"0"'), "it holds int, str"),
    "true": (with_value("true"), "it holds bool, int"),
    "a gap": (with_value("null"), "it holds NoneType, int"),
    "a huge number": (with_value("1" + 400 * "0"), "too large"),
    "a number of too many digits": (with_value(5000 * "9"), "digits"),
    "too deep": ('{"inputs": ' + 100_000 * "[", "recursion"),
    "no base64": ('{"inputs": ["?"]}', "image 0, counted from 0, is no picture in base64"),
    "no picture": ('{"inputs": ["AAAA"]}', "it is in none of the formats"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_is_answered_with_400_and_the_reason(server: Server, case: str) -> None:
    body, reason = WRONG[case]
    status, answer = server.ask(body)
    assert status == 400, answer
    assert set(answer) == {"error"}
    assert reason in answer["error"]
    assert "Traceback" not in answer["error"]
    assert len(answer["error"]) < 500


def test_what_is_no_request_of_the_protocol_is_refused_with_the_way_out(server: Server) -> None:
    assert server.ask("1,2", {"Content-Type": "text/csv"})[0] == 415
    assert server.ask(b"{}", {})[0] == 415
    assert server.ask(None, {}, method="GET")[0] == 405
    assert server.ask(None, {}, "/ping", "DELETE")[0] == 405
    assert server.ask(None, {}, "/docs", "GET")[0] == 404
    status, answer = server.ask(None, {"Content-Length": str(MOST_BYTES + 1), **JSON})
    assert status == 413
    assert "send fewer images at once" in answer["error"]


def test_a_body_that_does_not_say_how_large_it_is_is_refused_when_it_is_too_large(server: Server) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)) as connection:
        parts = (b" " * 1_000_000 for _ in range(MOST_BYTES // 1_000_000 + 1))
        connection.request("POST", "/invocations", parts, JSON, encode_chunked=True)
        assert connection.getresponse().status == 413


def test_who_hangs_up_disturbs_nobody(server: Server) -> None:
    body = asked(*range(100), images=server.images)
    for sent in (body, body[:1000]):
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
            connection.request("POST", "/invocations", sent, {"Content-Length": str(len(body)), **JSON})
    assert server.ask(asked(0, images=server.images))[0] == 200


def test_who_is_not_at_this_address_is_refused(server: Server) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("POST", "/invocations", "{}", {"Host": f"evil.com:{server.port}", **JSON})
        assert connection.getresponse().status == 403


def test_what_is_not_there_is_not_served(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["serve", "nothing", "--home", str(home)]) == 2
    assert "no model 'nothing'" in capfd.readouterr().err
