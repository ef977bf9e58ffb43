"""What the server says with each file: types, cross-origin isolation for threads, and what a page may do at all."""

from __future__ import annotations

from pathlib import PurePath

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",  # else no streaming compilation
    ".webmanifest": "application/manifest+json",
    ".tflite": "application/octet-stream",
}
# Everything from here, nothing from elsewhere. 'wasm-unsafe-eval' allows WebAssembly, and no eval.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFETY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # kept, and asked for again with its ETag
}
# With both, a page may share memory between threads.
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


def headers(name: str, isolated: bool) -> dict[str, str]:
    """Headers of a file. `isolated`: with threads."""
    kind = TYPES.get(PurePath(name).suffix, "application/octet-stream")
    return {"Content-Type": kind, **SAFETY, **(ISOLATION if isolated else {})}


def hosting_file() -> str:
    """The same headers for a host that reads a `_headers` file (Netlify, Cloudflare Pages)."""
    lines = [f"  {name}: {value}" for name, value in {**SAFETY, **ISOLATION}.items()]
    return "\n".join(["/*", *lines, ""])
