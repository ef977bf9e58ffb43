"""Runs in a process of its own (TensorFlow): the SavedModel behind TF Serving's REST shape, and its reference.

TF Serving itself can't be installed by pip. The server here does what it documents for `POST /v1/models/NAME:predict`:
`{"instances": [{input: value}, …]}` is stacked into the signature's inputs, a single output comes back as
`{"predictions": [value, …]}`.
"""

from __future__ import annotations

import http.server
import json
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from eval.engines.registry import spec_of
from eval.engines.savedmodel_engine import SavedModelEngine
from tests.conftest import tiny_config, toy_rows
from tests.eval.child_keras_engine import greedy, save_student
from train.runs import RunFolder

NEW = 10


def handler(signature: Any) -> type[http.server.BaseHTTPRequestHandler]:
    inputs = signature.structured_input_signature[1]

    class Predict(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/models/student:predict"
            rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
            stacked = {
                name: tf.constant(np.array([row[name] for row in rows]), spec.dtype) for name, spec in inputs.items()
            }
            (output,) = signature(**stacked).values()
            body = json.dumps({"predictions": output.numpy().tolist()}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Predict


def served(path: Path, rows: list[list[int]]) -> list[list[int]]:
    """Predictions over HTTP, from the folder alone."""
    model = tf.saved_model.load(str(path))
    server = http.server.HTTPServer(("127.0.0.1", 0), handler(model.signatures["serving_default"]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    body = json.dumps({"instances": [{"token_ids": row} for row in rows]}).encode()
    url = f"http://127.0.0.1:{server.server_port}/v1/models/student:predict"
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as reply:
        found: list[list[int]] = json.load(reply)["predictions"]
    server.shutdown()
    return found


def main(run_path: str) -> None:
    from eval.engines.keras_engine import KerasEngine
    from train.keras_track.hf_folder import write_hf_folder
    from train.keras_track.student import load_student

    run = RunFolder(Path(run_path))
    config = tiny_config(run.path.parent, eval={"batch_size": 4, "max_new_tokens": NEW})
    save_student(run.student / "student.keras")
    write_hf_folder(load_student(run.student / "student.keras"), run.student / "hf", run.data / "tokenizer")
    keras_engine = KerasEngine(spec_of("student-keras", run, config, 1))
    keras_engine.load()
    prompts = [keras_engine.prompt(row["messages"][:1]) for row in toy_rows(4, seed=7)]
    expected = [greedy(keras_engine, prompt) for prompt in prompts]
    engine = SavedModelEngine(spec_of("student-savedmodel", run, config, 1))
    engine.load()
    width, pad = max(map(len, prompts)), engine.tokenizer.pad_id
    rows = [prompt + [pad] * (width - len(prompt)) for prompt in prompts]
    result = {"expected": expected, "served": served(engine.path, rows), "stop": engine.tokenizer.stop_id}
    result["engine"] = engine.generate(prompts, NEW)
    timing = engine.time_request(8, 5)
    print(
        json.dumps({**result, "prompts": prompts, "timing": [timing.ttft_s, timing.per_token_s], **engine.describe()})
    )


if __name__ == "__main__":
    main(sys.argv[1])
