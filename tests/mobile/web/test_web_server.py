"""The server of the page: this machine, these files, nothing else; and the page as a folder."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobile.serve import packages as npm
from mobile.serve import web as verb
from mobile.serve.headers import POLICY
from mobile.serve.server import PageServer
from mobile.serve.site import PAGE, Site, exported_folder
from tests.mobile.web.conftest import SMALL, served
from train.errors import UserError


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with served(Site(SMALL, None)) as server:
        yield server


def fetch(server: PageServer, path: str, method: str = "GET", **headers: str) -> tuple[Any, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


@pytest.mark.parametrize(
    ("path", "kind", "file"),
    [
        ("/", "text/html; charset=utf-8", PAGE / "index.html"),
        ("/core/index.js", "text/javascript; charset=utf-8", PAGE / "core" / "index.js"),
        ("/model/student-int8.tflite?v=3bc5", "application/octet-stream", SMALL / "student-int8.tflite"),
        ("/model/bundle.json", "application/json; charset=utf-8", SMALL / "bundle.json"),
    ],
)
def test_files_and_their_types(server: PageServer, path: str, kind: str, file: Path) -> None:
    response, content = fetch(server, path)
    assert (response.status, response.headers["Content-Type"]) == (200, kind)
    assert content == file.read_bytes()
    assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    head, nothing = fetch(server, path, "HEAD")
    assert (head.headers["Content-Length"], nothing) == (str(len(content)), b"")
    again, nothing = fetch(server, path, If_None_Match=response.headers["ETag"])
    assert (again.status, nothing) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/model/student-int8.litertlm",
        "/model/README.md",
        "/../tandem.py",
        "/model/../../../tandem.py",
        "/model/..%2f..%2f..%2ftandem.py",
        "/%2e%2e/%2e%2e/tandem.py",
        "//etc/passwd",
        "/core/",
        "/core/README.md",
        "/package.json",
        "/node_modules/@litertjs/core/package.json",
        "/nothing",
    ],
)
def test_nothing_else_is_served(server: PageServer, path: str) -> None:
    assert fetch(server, path)[0].status == 404


def test_a_page_elsewhere_cannot_read_through_a_name_of_its_own(server: PageServer) -> None:
    assert fetch(server, "/model/bundle.json", Host="rebound.example")[0].status == 403
    assert fetch(server, "/model/bundle.json", Host="localhost:1")[0].status == 200
    assert fetch(server, "/", "POST")[0].status == 501


def test_only_this_machine_is_listened_to(server: PageServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_without_threads_there_are_no_isolation_headers() -> None:
    with served(Site(SMALL, None), isolated=False) as server:
        assert "Cross-Origin-Embedder-Policy" not in fetch(server, "/")[0].headers


def test_a_taken_port_is_one_message(server: PageServer) -> None:
    with pytest.raises(UserError, match="is taken"):
        PageServer(server.site, server.server_address[1])


def test_folders_that_cannot_be_served(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no bundle\.json"):
        exported_folder(tmp_path)
    folder = Path(shutil.copytree(SMALL, tmp_path / "small"))
    assert exported_folder(folder) == folder
    bundle = json.loads((folder / "bundle.json").read_text())
    entry = bundle["variants"]["int8"]
    golden = bundle["golden"] | {"first_ids": {"int4": [5]}}
    (folder / "bundle.json").write_text(json.dumps(bundle | {"variants": {"int4": entry}, "golden": golden}))
    with pytest.raises(UserError, match="a browser runs int8 and fp32"):
        Site(folder, None)
    outside = bundle | {"variants": {"int8": entry | {"file": "../x"}}}
    (folder / "bundle.json").write_text(json.dumps(outside))
    with pytest.raises(UserError, match="not among its files"):
        Site(folder, None)
    (folder / "bundle.json").write_text(json.dumps(bundle))
    (folder / "student-int8.tflite").write_bytes(b"short")
    with pytest.raises(UserError, match="truncated"):
        Site(folder, None)


def test_the_page_as_a_folder(tmp_path: Path, packages: Path) -> None:
    site = Site(SMALL, packages)
    result = verb.write_site(site, tmp_path / "page")
    assert result["files"] == sum(path.is_file() for path in (tmp_path / "page").rglob("*"))
    shipped = SMALL / "student-int8.tflite"
    assert (tmp_path / "page" / "model" / shipped.name).stat().st_size == shipped.stat().st_size
    assert 'from "./wasm-utils.js"' in (tmp_path / "page" / "litert" / "index.js").read_text()
    assert "Cross-Origin-Opener-Policy: same-origin" in (tmp_path / "page" / "_headers").read_text()
    verb.write_site(site, tmp_path / "page")  # an older export is replaced
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="is no exported page"):
        verb.write_site(site, tmp_path / "mine")


def test_missing_packages_are_installed_or_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PAGE / name, tmp_path)
    monkeypatch.setattr(npm, "PAGE", tmp_path)
    monkeypatch.setattr(npm, "find_npm", lambda: None)
    with pytest.raises(UserError, match=r"npm is not on PATH.*npm ci --ignore-scripts"):
        npm.packages()
    monkeypatch.setattr(npm, "find_npm", lambda: ["/bin/sh", "-c", "echo no network >&2; exit 7"])
    with pytest.raises(UserError, match=r"status 7 .* no network"):
        npm.packages()
    lock = json.loads((PAGE / "package-lock.json").read_text())
    assert not npm.installed(tmp_path / "node_modules")
    for name, entry in lock["packages"].items():
        if name:
            (tmp_path / name).mkdir(parents=True)
            (tmp_path / name / "package.json").write_text(json.dumps({"version": entry["version"]}))
    assert npm.packages() == tmp_path / "node_modules"


def test_the_lock_file_names_no_registry() -> None:
    text = (PAGE / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert text.count('"integrity": "sha512-') == 2


def test_the_verb_serves_until_it_is_interrupted(packages: Path) -> None:
    root = PAGE.parents[1]
    command = [sys.executable, "tandem.py", "web", str(SMALL), "--port", "0", "--no-threads"]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stderr.readline())
    assert found, "the first line names the address"
    connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=10)
    connection.request("GET", "/model/bundle.json")
    assert json.loads(connection.getresponse().read())["window"] == 160
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    connection.close()
    assert process.returncode == 0
    assert json.loads(out.splitlines()[-1]) == {"folder": str(SMALL), "url": found[0], "threads": False}


def test_a_host_without_headers_has_the_policy_of_the_page_itself() -> None:
    meta = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', (PAGE / "index.html").read_text())
    assert meta
    assert meta[1] == POLICY.replace("; frame-ancestors 'none'", ""), "frames cannot be forbidden by a page"
