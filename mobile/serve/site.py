"""What the page consists of: each address with its file, and nothing else.

    /                 index.html, style.css, *.js, core/*.js     mobile/web
    /litert/          LiteRT.js with its WASM files              mobile/web/node_modules, installed by npm
    /model/           bundle.json, tokenizer.json, tools.json and the .tflite files that a browser computes right

An address is looked up in a table, so no path that a browser sends ever reaches the disk.
"""

from __future__ import annotations

from pathlib import Path

from mobile.runtime.bundle import Bundle
from mobile.runtime.errors import ModelError
from train.errors import UserError

PAGE = Path(__file__).parents[1] / "web"
# int4 is left out: its ids part from Python's after a few tokens in LiteRT.js (mobile/LOG.md). So is the file for old
# runtimes: it is fp32 in another form.
VARIANTS = ("int8", "fp32")
ENDINGS = (".html", ".css", ".js", ".svg", ".webmanifest")
NOT_SERVED = ("jspi",)  # WASM for other accelerators than this page uses


class Site:
    """The files of one page.

    Args:
        model: folder with a bundle.json; None for a page without a model (benchmarks bring a file of their own).
        packages: node_modules with @litertjs; None where the page is asked for without it (LiteRT.js is missing then).

    Raises UserError where the folder holds no whole export, or none that a browser can run.
    """

    def __init__(self, model: Path | None, packages: Path | None) -> None:
        self.files: dict[str, Path] = dict(page_files())
        if model is not None:
            self.files |= {f"model/{name}": model / name for name in model_files(model)}
        if packages is not None:
            self.files |= library_files(packages)

    def find(self, address: str) -> Path | None:
        """The file of a path such as "/core/index.js"; None where there is none."""
        name = address.removeprefix("/")
        return self.files.get(name or "index.html") if address.startswith("/") else None

    def read(self, path: Path) -> bytes:
        """A file as it is sent: one import of LiteRT.js is a package's name, which a worker cannot resolve."""
        content = path.read_bytes()
        if path.name == "index.js" and path.parents[1].name == "core" and "@litertjs" in path.parts:
            return content.replace(b'from "@litertjs/wasm-utils"', b'from "./wasm-utils.js"')
        return content


def page_files() -> dict[str, Path]:
    """The page's own files: those at the top of mobile/web, and its modules in core/."""
    paths = [path for folder in (PAGE, PAGE / "core") for path in sorted(folder.glob("*")) if path.suffix in ENDINGS]
    return {path.relative_to(PAGE).as_posix(): path for path in paths if ".test." not in path.name}


def library_files(packages: Path) -> dict[str, Path]:
    """LiteRT.js and the WASM files that it chooses from: with threads, without, without relaxed SIMD."""
    core = packages / "@litertjs" / "core"
    files = {
        "litert/index.js": core / "dist" / "index.js",
        "litert/wasm-utils.js": packages / "@litertjs" / "wasm-utils" / "dist" / "index.js",
    }
    for path in sorted((core / "wasm").glob("*")):
        if not any(word in path.name for word in NOT_SERVED):
            files[f"litert/wasm/{path.name}"] = path
    return files


def model_files(folder: Path) -> list[str]:
    """Names of the export's files that the page needs; Bundle has refused those outside the folder."""
    try:
        bundle = Bundle(folder)
    except ModelError as error:
        raise UserError(str(error)) from error
    models = [bundle.variants[name]["file"] for name in VARIANTS if name in bundle.variants]
    if not models:
        raise UserError(
            f"{folder} has the variants {sorted(bundle.variants)}; a browser runs {' and '.join(VARIANTS)}. "
            "Export one of them: export.variants=[fp32,int8]"
        )
    names = ["bundle.json", "tokenizer.json", *models, *([bundle.tools_file] if bundle.tools_file else [])]
    return list(dict.fromkeys(names))


def exported_folder(path: Path) -> Path:
    """The folder with bundle.json: that of a run, or the one given. UserError where there is none."""
    folder = path / "mobile" if (path / "mobile").is_dir() else path
    if not (folder / "bundle.json").is_file():
        raise UserError(
            f"{folder} holds no bundle.json: it is no exported student. Name a run that was exported (tandem export "
            "CONFIG), or a folder such as mobile/prebuilt/small."
        )
    return folder
