"""The browser benchmark does the work that it times: the ids of its request are those of mobile/runtime."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_litert", reason="needs the extra 'mobile'")
pytest.importorskip("playwright.sync_api", reason="the browser benchmark needs the extra 'dev'")

from eval.bench.ondevice.browser import opened, rate
from eval.bench.ondevice.workload import OndeviceWorkload
from mobile.runtime.bundle import Bundle
from mobile.runtime.model import Model
from mobile.serve.packages import installed
from mobile.serve.site import PAGE

SMALL = Path(__file__).parents[2] / "mobile" / "prebuilt" / "small"


@pytest.mark.skipif(not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), reason="no Chromium")
@pytest.mark.skipif(not installed(PAGE / "node_modules"), reason="LiteRT.js is not installed: npm ci in mobile/web")
def test_the_request_is_the_one_of_the_other_runtimes() -> None:
    bundle, workload = Bundle(SMALL), OndeviceWorkload(str(SMALL), "small", prompt=21, new=6, window=160)
    with opened(SMALL, bundle, [1]) as (runners, _):
        first = runners[0].measure(workload, bundle.vocab_size)
        runners[0].rounds = [runners[0].measure(workload, bundle.vocab_size) for _ in range(2)]
        result = runners[0].result()
    prompt = workload.ids(bundle.vocab_size)
    model, expected = Model(SMALL / "student-int8.tflite"), []
    model.prefill(prompt[:-1])
    token = prompt[-1]
    for _ in range(6):
        token = int(model.decode(token).argmax())
        expected.append(token)
    assert first["ids"] == expected
    assert [one["ids"] for one in runners[0].rounds] == [expected, expected]
    assert result.prefill_tokens == 21
    assert len(runners[0].rounds[0]["token_s"]) == 5
    assert result.file_bytes == (SMALL / "student-int8.tflite").stat().st_size
    assert result.decode is not None
    assert result.decode.rounds == [1 / seconds for seconds in result.token_s]


def test_rate() -> None:
    found = rate([100.0, 200.0, 300.0, 400.0])
    assert found.median == 250.0
    assert found.spread == pytest.approx((375 - 125) / 250)  # exclusive quartiles
