"""The page in a real browser: it computes what Python computes, and a person can use it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mobile.runtime import Chat
from mobile.serve.server import PageHandler
from mobile.serve.site import Site
from tests.mobile.conftest import Exported
from tests.mobile.web.conftest import SMALL, served

GOLDEN = json.loads((SMALL.parents[1] / "contract" / "vectors" / "golden.json").read_text(encoding="utf-8"))
TEXTS = [case["text"] for case in GOLDEN["cases"]]
OPENED = "#status[data-state=ready], #status[data-state=fault]"

# What the page's own client gives for each text; the model is opened in a worker of its own.
ASK = """async ([variant, threads, texts, constrained]) => {
    const { ModelClient } = await import(new URL("model_client.js", location.href));
    const client = new ModelClient(() => {});
    const facts = await client.open(variant, threads);
    const answers = [];
    for (const text of texts) {
        const pieces = [];
        const answer = await client.ask(text, constrained, (piece) => pieces.push(piece));
        answers.push({ ...answer, pieces });
    }
    client.close();
    return { facts, answers };
}"""

# Ids of each text, one token per call and speculative, with the calls; and how far verify's logits are from decode's.
SPECULATIVE = """async ([variant, texts]) => {
    const names = ["model_folder", "litert_library", "litert_runner", "core/index"];
    const modules = await Promise.all(names.map((name) => import(new URL(`${name}.js`, location.href))));
    const [{ fetchFolder }, { loadLibrary }, { LiteRtRunner }, { Chat }] = modules;
    const { bundle, files } = await fetchFolder(() => {}, variant);
    const runner = await LiteRtRunner.open(await loadLibrary(1), files[bundle.modelFile(variant)], 1);
    let calls = 0;
    for (const name of ["decode", "verify"]) {
        const call = runner[name].bind(runner);
        runner[name] = (...given) => (calls++, call(...given));
    }
    const found = { verifySize: runner.verifySize };
    for (const [name, speculative] of [["plain", false], ["quick", true]]) {
        const chat = new Chat({ bundle, files, runner, variant, speculative });
        const before = calls;
        const ids = [];
        for (const text of texts) {
            ids.push((await chat.answer(text)).ids);
        }
        found[name] = { ids, calls: calls - before };
    }
    const prompt = bundle.golden.prompt_ids.slice(0, 8);
    runner.clear();
    const together = await runner.verify(prompt.slice(0, 5), 0);
    found.difference = 0;
    for (const [row, id] of prompt.slice(0, 5).entries()) {
        const alone = await runner.decode(id, row);
        alone.forEach((logit, at) => {
            found.difference = Math.max(found.difference, Math.abs(logit - together[row * alone.length + at]));
        });
    }
    return found;
}"""

KEPT = """async () => {
    const requests = await (await caches.open("tandem-page-1")).keys();
    return requests.map(({ url }) => new URL(url).pathname.slice(1));
}"""


class Visit:
    """A page of its own context, with what it asks for and complains about."""

    def __init__(self, browser: Any, address: str, script: str | None = None, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if script:
            self.page.add_init_script(script)
        self.page.goto(address)
        self.page.wait_for_selector(OPENED)

    def ask(self, text: str) -> str:
        """Types a text; the title of the card."""
        assert self.page.is_hidden("#fault"), self.page.inner_text("#fault")
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")
        self.page.wait_for_selector(OPENED)
        return str(self.page.inner_text("#answer-title"))

    def close(self) -> None:
        self.context.close()


@pytest.fixture(scope="module")
def small(chromium: Any, packages: Path) -> Iterator[str]:
    with served(Site(SMALL, packages)) as server:
        yield server.address


@pytest.fixture(scope="module")
def visit(chromium: Any, small: str) -> Iterator[Visit]:
    """One page for all tests that leave it as it was."""
    visit = Visit(chromium, small, viewport={"width": 1280, "height": 900})
    yield visit
    visit.close()


@pytest.mark.parametrize(("mode", "constrained"), [("off", False), ("substrings", True)])
def test_int8_gives_python_s_ids_for_50_prompts(visit: Visit, mode: str, constrained: bool) -> None:
    got = visit.page.evaluate(ASK, ["int8", 1, TEXTS, constrained])
    assert len(TEXTS) == 50
    assert [a["ids"] for a in got["answers"]] == [case[mode]["ids"] for case in GOLDEN["cases"]]
    assert all(a["stopped"] for a in got["answers"])
    assert all("".join(a["pieces"]) == a["text"] and len(a["pieces"]) > 3 for a in got["answers"]), "it streams"
    assert got["facts"]["threads"] == 1


def test_threads_give_the_same_ids(visit: Visit) -> None:
    assert visit.page.evaluate("crossOriginIsolated")
    got = visit.page.evaluate(ASK, ["int8", 2, TEXTS[:8], True])
    assert got["facts"]["threads"] == 2
    assert any("threaded" in address for address in got["facts"]["addresses"])
    assert [a["ids"] for a in got["answers"]] == [case["substrings"]["ids"] for case in GOLDEN["cases"][:8]]


def test_fp32_gives_python_s_ids_for_50_prompts(chromium: Any, packages: Path, exported: Exported) -> None:
    chat = Chat(exported.mobile, "fp32", runner="interpreter", constrain="off")
    texts = [f"{number} {text[:9]}" for number, text in enumerate(TEXTS)]
    expected = [chat.answer(text).ids for text in texts]
    assert len({tuple(ids) for ids in expected}) > 25, "the answers differ: equal ones would prove little"
    with served(Site(exported.mobile, packages)) as server:
        visit = Visit(chromium, server.address)
        got = visit.page.evaluate(ASK, ["fp32", 1, texts, False])
        assert [answer["ids"] for answer in got["answers"]] == expected
        assert visit.page.locator("#variant option").all_inner_texts() == ["int8", "fp32"]
        visit.page.select_option("#variant", "fp32")
        visit.page.wait_for_selector(OPENED)
        assert "fp32" in visit.page.inner_text("#facts")
        assert visit.complaints == []
        visit.close()


def test_answers_are_those_without_drafts_and_take_fewer_calls(
    chromium: Any, packages: Path, exported: Exported
) -> None:
    """Two files: the shipped one, whose answers are to be drafted, and random float32 weights, exact to the digit."""
    for folder, variant in ((SMALL, "int8"), (exported.mobile, "fp32")):
        with served(Site(folder, packages)) as server:
            visit = Visit(chromium, server.address)
            got = visit.page.evaluate(SPECULATIVE, [variant, TEXTS[:20]])
            visit.close()
        assert got["verifySize"] == 8
        assert got["quick"]["ids"] == got["plain"]["ids"]
        assert got["quick"]["calls"] < got["plain"]["calls"] / 1.5
        if variant == "fp32":
            assert got["difference"] < 1e-4


def test_a_person_asks(visit: Visit) -> None:
    page = visit.page
    assert visit.ask("turn on the kitchen lights") == "Kitchen · lights → on"
    assert page.inner_text("#answer-said") == "turn on the kitchen lights"
    call = json.loads(page.inner_text("#answer-text"))
    assert call == {"name": "HassTurnOn", "arguments": {"area": "kitchen", "domain": "light"}}
    assert page.locator("#answer-figures div").all_inner_texts()[0].startswith("to the first token")
    assert "tokens/s" in page.inner_text("#answer-figures")
    assert "7.5 MB" in page.inner_text("#facts")
    page.get_by_role("button", name="set a timer for 10 minutes").click()
    page.wait_for_selector("#earlier-list li")
    page.wait_for_selector(OPENED)
    assert page.inner_text("#answer-title") == "Timer → 10 min"
    assert page.inner_text("#earlier-list .did") == "Kitchen · lights → on"
    assert visit.ask("who won the world cup") == "No function applies"


def test_keyboard_and_screen_reader(visit: Visit) -> None:
    page = visit.page
    page.focus("#text")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "send"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "turn on the kitchen lights"
    page.keyboard.press("Enter")
    page.wait_for_selector(OPENED)
    assert page.inner_text("#answer-title") == "Kitchen · lights → on"
    assert page.get_by_role("textbox", name="What should happen?").count() == 1
    assert page.get_by_role("switch", name="Only valid calls").is_checked()
    assert page.get_by_role("status").count() == 1
    assert page.get_attribute("#answer-title", "aria-live") == "polite"
    heights = page.evaluate("[...document.querySelectorAll('button')].map((b) => b.getBoundingClientRect().height)")
    assert min(height for height in heights if height) >= 32, "large enough for a finger"


# Presses the button as soon as the first piece of the answer is there; resolves once the page is ready again.
STOP = """(text) => new Promise((resolve) => {
    const [field, send] = [document.getElementById("text"), document.getElementById("send")];
    const [answer, status] = [document.getElementById("answer-text"), document.getElementById("status")];
    let pressed = "";
    const watcher = new MutationObserver(() => {
        if (!pressed && answer.textContent && status.dataset.state === "busy") {
            pressed = send.textContent;
            send.click();
        } else if (pressed && status.dataset.state === "ready") {
            watcher.disconnect();
            resolve(pressed);
        }
    });
    watcher.observe(document.body, { childList: true, characterData: true, attributes: true, subtree: true });
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    send.click();
})"""


def test_an_answer_can_be_stopped(visit: Visit) -> None:
    """A long answer begins; what had come stays, and the page answers again."""
    page, text = visit.page, "add " + "apples and pears and plums and grapes and figs and dates " * 2 + "to my list"
    whole = Chat(SMALL, constrain="schema").answer(text).text
    assert page.evaluate(STOP, text) == "Stop"
    assert page.inner_text("#answer-title") == "Stopped"
    begun = page.inner_text("#answer-text")
    assert begun
    assert len(begun) < len(whole)
    assert page.inner_text("#send") == "Ask"
    assert visit.ask("turn on the kitchen lights") == "Kitchen · lights → on"


def test_the_constraint_can_be_switched_off(visit: Visit) -> None:
    text = "tell me about the sea and the sky and the wind"
    visit.page.uncheck("#constrained")
    free = visit.ask(text), visit.page.inner_text("#answer-text")
    visit.page.check("#constrained")
    visit.ask(text)
    bound = json.loads(visit.page.inner_text("#answer-text"))
    assert set(bound) == {"name", "arguments"}
    python = Chat(SMALL, constrain="off").answer(text).text
    assert free[1] == python


def test_an_answer_that_the_window_cut_short_is_told(visit: Visit) -> None:
    """A whole call, and not the one that was meant: 11 tokens are left."""
    assert visit.ask("turn on the kitchen lights" + " please" * 133) == "Refused"
    assert visit.page.inner_text("#answer-text") == '{"name":null,"arguments":{}}'
    note = "Cut off: the model’s window is full. An app would not act on this."
    assert visit.page.inner_text("#answer-note") == note
    assert visit.ask("turn on the kitchen lights") == "Kitchen · lights → on"
    assert visit.page.inner_text("#answer-note") == "HassTurnOn, checked against its schema"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "The prompt is empty"),
        (" \n ", "The prompt is empty"),
        ("turn on the light " * 556, "the window holds 160"),
    ],
)
def test_text_that_cannot_be_answered_is_told_beside_the_field(visit: Visit, text: str, expected: str) -> None:
    visit.ask(text)
    assert expected in visit.page.inner_text("#text-fault")
    assert visit.page.is_hidden("#fault")
    assert visit.page.get_attribute("#text", "aria-invalid") == "true"
    assert visit.ask("turn on the kitchen lights") == "Kitchen · lights → on", "and it goes on"
    assert visit.page.inner_text("#text-fault") == ""


@pytest.mark.parametrize(
    "text", ["🙂🙃🚀", "Schalte bitte das Küchenlicht ein", "<|im_end|>\n<|im_start|>assistant\n", "照明を"]
)
def test_odd_text_gets_python_s_answer(visit: Visit, text: str) -> None:
    got = visit.page.evaluate(ASK, ["int8", 1, [text], True])
    assert got["answers"][0]["ids"] == Chat(SMALL).answer(text).ids


def test_markup_in_a_text_stays_text(visit: Visit) -> None:
    visit.ask("<img src=x onerror=alert(1)>")
    assert visit.page.inner_text("#answer-said") == "<img src=x onerror=alert(1)>"


def test_nothing_else_is_asked_for_and_nothing_complained_about(visit: Visit, small: str) -> None:
    """Last of those that share the page: what all of them did."""
    assert len(visit.requests) > 20
    assert [url for url in visit.requests if not url.startswith(small)] == []
    assert visit.complaints == []


def test_without_threads(chromium: Any, packages: Path) -> None:
    with served(Site(SMALL, packages), isolated=False) as server:
        visit = Visit(chromium, server.address, viewport={"width": 390, "height": 844})
        assert not visit.page.evaluate("crossOriginIsolated")
        assert visit.ask("mute the TV") == "TV → mute"
        assert "Threads\n1" in visit.page.inner_text("#facts")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing scrolls sideways"
        assert not any("threaded" in url for url in visit.requests)
        assert visit.complaints == []
        visit.close()


def test_offline_after_the_first_load(chromium: Any, packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PageHandler, "protocol_version", "HTTP/1.0")  # no connection outlives the server
    with served(Site(SMALL, packages)) as server:
        visit = Visit(chromium, server.address, color_scheme="dark", reduced_motion="reduce")
        visit.page.wait_for_selector("#status[data-offline]")
        served_files = set(server.site.files)
    assert visit.complaints == []
    kept = set(visit.page.evaluate(KEPT))
    unused = {"index.html", "service_worker.js"} | {name for name in served_files if name.startswith("litert/wasm/")}
    assert {name for name in kept if not name.startswith("litert/wasm/")} == {""} | served_files - unused
    assert {Path(name).suffix for name in kept & unused} == {".js", ".wasm"}, "the library that this browser uses"
    visit.page.reload()  # the server is gone
    visit.page.wait_for_selector(OPENED)
    assert visit.ask("next song") == "Player → next"
    assert visit.page.evaluate("crossOriginIsolated"), "threads are allowed offline, too"
    background = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(20, 23, 22)"
    visit.close()


def edit(folder: Path, **values: Any) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def truncate(folder: Path) -> None:
    path = folder / "student-int8.tflite"
    path.write_bytes(path.read_bytes()[:2_712_640])


def change_byte(folder: Path) -> None:
    path = folder / "student-int8.tflite"
    content = bytearray(path.read_bytes())
    content[2_712_640] ^= 255
    path.write_bytes(content)


FAULTS: list[tuple[str, Callable[[Path], object], str, str]] = [
    ("model missing", lambda f: (f / "student-int8.tflite").unlink(), "A file is missing", "student-int8.tflite"),
    ("bundle missing", lambda f: (f / "bundle.json").unlink(), "A file is missing", "bundle.json"),
    ("model truncated", truncate, "do not belong together", "2712640 bytes"),
    ("model damaged", change_byte, "do not belong together", "sha256"),
    ("bundle damaged", lambda f: (f / "bundle.json").write_text("{"), "do not belong together", "not JSON"),
    ("of another model", lambda f: edit(f, vocab_size=1600), "do not belong together", "1600"),
]


@pytest.mark.parametrize(("name", "damage", "title", "detail"), FAULTS, ids=[case[0] for case in FAULTS])
def test_a_fault_of_the_folder_is_told(
    chromium: Any, packages: Path, tmp_path: Path, name: str, damage: Callable[[Path], object], title: str, detail: str
) -> None:
    folder = Path(shutil.copytree(SMALL, tmp_path / "small"))
    site = Site(folder, packages)
    damage(folder)
    with served(site, isolated=False) as server:
        told_by(chromium, server.address, title, detail)


def test_faults_of_the_browser_are_told(chromium: Any, packages: Path, small: str, tmp_path: Path) -> None:
    lacking = "delete globalThis.WebAssembly"
    told_by(chromium, small, "This browser is too old", "It lacks: WebAssembly", lacking)
    full = tmp_path / "index.js"  # a LiteRT.js that runs out of memory as V8 says it
    full.write_text(
        "export const loadLiteRt = async () => {};\n"
        "export const loadAndCompile = async () => { throw new RangeError('Array buffer allocation failed'); };\n"
    )
    site = Site(SMALL, packages)
    site.files["litert/index.js"] = full
    with served(site) as server:
        told_by(chromium, server.address, "Not enough memory", "Array buffer allocation failed")
    with served(Site(SMALL, None)) as server:
        told_by(chromium, server.address, "A file is missing", "LiteRT.js")


def told_by(browser: Any, address: str, title: str, detail: str, script: str | None = None) -> None:
    visit = Visit(browser, address, script)
    assert title in visit.page.inner_text("#fault-title")
    assert detail in visit.page.inner_text("#fault-detail")
    assert visit.page.inner_text("#fault-advice")
    assert visit.page.is_hidden("#ask")
    assert visit.page.is_hidden("#loading")
    assert visit.page.get_by_role("button", name="Reload").is_visible()
    visit.close()
