"""Speed of an exported folder in a real browser: LiteRT.js in a worker of headless Chromium.

    python -m eval.bench.ondevice.browser runs/demo --threads 1 --threads 2

The same request as of the other runtimes (request.py), timed inside the worker (mobile/web/measure.js); a page of its
own for each file and number of threads, all alive at once and asked in turns.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Any

import typer

from eval.bench.ondevice.bandwidth import last_cache_bytes
from eval.bench.ondevice.result import OndeviceResult, Rate, Run, RunnerResult
from eval.bench.ondevice.tables import runners_table
from eval.bench.ondevice.workload import OndeviceWorkload
from eval.table import terminal
from mobile.runtime.bundle import Bundle
from mobile.serve.packages import packages
from mobile.serve.server import PageServer
from mobile.serve.site import VARIANTS, Site, exported_folder
from train.atomic import write_json
from train.command import guarded
from train.errors import MissingExtraError, UserError
from train.hardware import cores, environment

# One worker a page: the first message opens the file, the next ones find it open.
MEASURE = """(request) => new Promise((resolve, reject) => {
    self.measuring ??= new Worker("worker.js");
    self.measuring.onmessage = ({data}) => data.fault ? reject(new Error(data.fault.message)) : resolve(data.result);
    self.measuring.postMessage({type: "measure", ...request});
})"""
BLANK = "icon.svg"  # a page of the server without scripts: nothing else runs beside the worker


class BrowserRunner:
    """One file in one browser page."""

    def __init__(self, page: Any, address: str, label: str, dtype: str, file: Path, threads: int) -> None:
        self.label, self.dtype, self.file, self.threads = label, dtype, file, threads
        self.rounds: list[dict[str, Any]] = []
        self._page, self._address = page, address

    def measure(self, workload: OndeviceWorkload, vocab_size: int) -> dict[str, Any]:
        """Seconds of one request, and its ids (measure.js)."""
        ids, address = workload.ids(vocab_size), f"{self._address}model/{self.file.name}"
        request = {"address": address, "ids": ids, "count": workload.new, "threads": self.threads}
        result: dict[str, Any] = self._page.evaluate(MEASURE, request)
        return result

    def result(self) -> RunnerResult:
        """The figures of all rounds."""
        last = self.rounds[-1]
        prefill = [one["prefill_s"] for one in self.rounds]
        tokens = [median(one["token_s"]) for one in self.rounds]
        return RunnerResult(
            name=f"browser-{self.dtype}", label=self.label, runtime="LiteRT.js", dtype=self.dtype, status="ok",
            file_bytes=self.file.stat().st_size, import_s=last["import_s"], open_s=last["open_s"],
            prefill_tokens=last["prefill_tokens"], prefill_s=prefill, ttft_s=[one["ttft_s"] for one in self.rounds],
            token_s=tokens, prefill=rate([last["prefill_tokens"] / seconds for seconds in prefill]),
            decode=rate([1 / seconds for seconds in tokens]),
        )  # fmt: skip


def rate(rounds: list[float]) -> Rate:
    """Tokens a second with their spread."""
    low, _, high = quantiles(rounds, n=4)
    return Rate(rounds=rounds, median=median(rounds), spread=(high - low) / median(rounds))


def measure_browser(folder: Path, workload: OndeviceWorkload, threads: list[int], rounds: int) -> list[Run]:
    """One run a number of threads: every variant that a browser computes right."""
    bundle = Bundle(folder)
    with opened(folder, bundle, threads) as (runners, loads):
        for runner in runners:
            runner.measure(workload, bundle.vocab_size)  # opens, and warms up
        for _ in range(rounds):
            loads.append(environment_load())
            for runner in runners:
                runner.rounds.append(runner.measure(workload, bundle.vocab_size))
        used = {count: [r.result() for r in runners if r.threads == count] for count in threads}
    return [
        Run(threads=count, load_average=loads, bandwidth=[], runners=results, targets=[])
        for count, results in used.items()
    ]


@contextmanager
def opened(folder: Path, bundle: Bundle, threads: list[int]) -> Iterator[tuple[list[BrowserRunner], list[float]]]:
    """The server, the browsers, and a runner for each file and number of threads."""
    files = {name: bundle.model_path(name) for name in VARIANTS if name in bundle.variants}
    site = Site(None, packages())
    site.files |= {f"model/{path.name}": path for path in files.values()}
    with ExitStack() as stack:
        server = stack.enter_context(PageServer(site, 0))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        browser = stack.enter_context(chromium())
        runners = []
        for count in threads:
            for name, path in files.items():
                page = browser.new_page()
                page.goto(server.address + BLANK)
                label = f"LiteRT.js {name}, Chromium {browser.version.split('.')[0]}"
                runners.append(BrowserRunner(page, server.address, label, name, path, count))
        yield runners, []


@contextmanager
def chromium() -> Iterator[Any]:
    """Headless Chromium of this machine. Raises UserError where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise MissingExtraError("playwright", "dev", "the browser benchmark") from None
    path = next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None)
    if path is None:
        raise UserError("The browser benchmark needs Chromium on PATH. On Debian: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def environment_load() -> float:
    """1-minute load average."""
    import psutil

    return round(float(psutil.getloadavg()[0]), 2)


def main(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run folder, or any folder with a bundle.json")],
    threads: Annotated[list[int] | None, typer.Option(min=1, max=4, help="may be given more than once")] = None,
    rounds: Annotated[int, typer.Option(min=2, help="requests that are timed")] = 15,
    prompt: Annotated[int, typer.Option(min=2, help="tokens read before the first new one")] = 64,
    new: Annotated[int, typer.Option(min=2, help="tokens generated")] = 32,
    out: Annotated[Path | None, typer.Option(help="result file")] = None,
) -> None:
    """Prefill and decode tokens/s in Chromium. Example: python -m eval.bench.ondevice.browser runs/demo"""

    def work() -> dict[str, Any]:
        folder = exported_folder(run)
        window = Bundle(folder).window
        if prompt + new > window:
            raise UserError(f"--prompt {prompt} and --new {new} do not fit the window of {window} tokens of {folder}.")
        workload = OndeviceWorkload(str(folder), run.resolve().name, prompt, new, window)
        counts = list(dict.fromkeys(min(count, cores()) for count in threads or [1]))
        result = OndeviceResult(
            command=shlex.join(["python", "-m", "eval.bench.ondevice.browser", *sys.argv[1:]]),
            environment=environment(), workload=asdict(workload), rounds=rounds, last_cache_bytes=last_cache_bytes(),
            runs=measure_browser(folder, workload, counts, rounds),
        )  # fmt: skip
        return shown(result, out)

    raise typer.Exit(guarded(work))


def shown(result: OndeviceResult, out: Path | None) -> dict[str, Any]:
    """Prints the tables and writes the file; the headline figures."""
    for part in result.runs:
        terminal().print(runners_table(part).rich())
    if out is not None:
        write_json(out, result.model_dump(mode="json"))
    speeds = {
        f"{runner.dtype}, {part.threads} threads": [round(runner.prefill.median), round(runner.decode.median)]
        for part in result.runs
        for runner in part.runners
        if runner.prefill and runner.decode
    }
    return {"result": str(out) if out else None, "prefill_decode_tokens_per_s": speeds}


if __name__ == "__main__":
    typer.run(main)
