"""The data stage: rows from their source, tokenizer (trimmed where asked), gate, one file a split.

python tandem.py data configs/demo.yaml
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from train.atomic import whole_folder, write_json, write_jsonl, write_text
from train.base_model import base_folder, check_base, check_context, context_length, local_folder
from train.chat import CHAT_TEMPLATE, PAD, START, STOP, WITHOUT_LIMITS, ChatTokenizer, content_text
from train.config.schema import Config, DataConfig
from train.data.chat_jsonl import Row
from train.data.gate import GateReport, check_no_leak, gate_split
from train.data.sources import SourceRows, check_sources, load_rows
from train.data.vocabulary import trim_vocabulary
from train.errors import UserError
from train.progress import say
from train.runs import StageContext

MAX_LENGTH = 8192  # tokens, where no base says how many it was made for


def run(context: StageContext) -> dict[str, Any]:
    """Writes data/; returns rows per split, dropped rows and the size of the vocabulary."""
    config = context.config
    check_sources(config.data)
    check_base(config.model)
    if config.model.source != "random":
        check_context(config.model.source, local_folder(config.model), config.data.max_length)
    found = load_rows(config.data, config.seed)
    check_no_leak(found.splits)
    with whole_folder(context.run.data) as folder:
        vocabulary = write_tokenizer(config, found.splits["train"], folder / "tokenizer")
        tokenizer = ChatTokenizer.load(folder / "tokenizer")
        reports = {name: gate_split(name, rows, tokenizer, config.data) for name, rows in found.splits.items()}
        for name, report in reports.items():
            _require_rows(name, report, config.data)
            write_jsonl(folder / f"{name}.jsonl", report.rows)
        write_json(folder / "tools.json", found.tools)
        write_text(folder / "data_card.md", _card(found, reports, vocabulary, config.data))
    headline: dict[str, Any] = {f"rows_{name}": len(report.rows) for name, report in reports.items()}
    headline["dropped"] = sum(report.dropped for report in reports.values())
    headline["vocabulary"] = tokenizer.vocab_size
    headline["train_tokens"] = reports["train"].statistics["tokens"]
    say(
        f"data: {headline['rows_train']} training rows, vocabulary {vocabulary['base_tokens']} → {tokenizer.vocab_size}"
    )
    return headline


def _require_rows(name: str, report: GateReport, config: DataConfig) -> None:
    if report.dropped and not report.rows:
        raise UserError(
            f"All {report.dropped} rows of '{name}' are longer than data.max_length {config.max_length} tokens, and "
            f"data.max_dropped {config.max_dropped:g} lets them be dropped: none is left. Raise data.max_length (and "
            "finetune.sequence_length, distill.buckets), or shorten the rows."
        )


def _json_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"model.source: {path} can't be read as JSON: {error}. Copy it again, or delete it.") from None
    if not isinstance(found, dict):
        raise UserError(f"model.source: {path} holds a {type(found).__name__}, no object. Copy it again, or delete it.")
    return found


def write_tokenizer(config: Config, train_rows: list[Row], folder: Path) -> dict[str, int]:
    """Writes the run's tokenizer: the base model's, trimmed where data.trim_vocabulary asks for it.

    For a random base (tests) a small byte-level BPE is trained on the rows.
    """
    folder.mkdir(parents=True)
    settings: dict[str, Any] = {}
    context = None
    if config.model.source == "random":
        text = _train_tokenizer(train_rows, config.model.vocab_size)
    else:
        base = base_folder(config.model)
        check_context(config.model.source, base, config.data.max_length)  # again: a .gguf file has a folder only now
        context = context_length(base)
        text = (base / "tokenizer.json").read_text(encoding="utf-8")
        beside = base / "tokenizer_config.json"  # some folders have none: all that counts is set below
        if beside.exists():
            settings = _json_object(beside)
    base_size = Tokenizer.from_str(text).get_vocab_size()
    if config.data.trim_vocabulary and config.model.source != "random":
        tokenizer = ChatTokenizer(text)
        rows_with = Counter(token for row in train_rows for token in set(tokenizer.encode(row["messages"])[0]))
        used = {token for token, rows in rows_with.items() if rows >= config.data.min_token_count}
        trimmed = trim_vocabulary(text, used, paired=config.data.min_token_count > 1)
        text, settings = trimmed.tokenizer_json, {}  # the base's settings speak of tokens and ids that are no more
        write_json(folder / "kept_ids.json", trimmed.kept_ids)
    state = json.loads(text)
    if state | WITHOUT_LIMITS != state:
        text = json.dumps(state | WITHOUT_LIMITS, ensure_ascii=False)
    write_text(folder / "tokenizer.json", text)
    settings |= {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": START,
        "eos_token": STOP,
        "pad_token": PAD,
        "unk_token": PAD,
        "model_max_length": context or max(MAX_LENGTH, config.data.max_length),
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    for local_key in ("is_local", "local_files_only", "backend"):
        settings.pop(local_key, None)
    write_json(folder / "tokenizer_config.json", settings)
    return {"base_tokens": base_size}


def _train_tokenizer(rows: list[Row], vocab_size: int) -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, START, STOP],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (content_text(message["content"]) for row in rows for message in row["messages"])
    tokenizer.train_from_iterator(texts, trainer)
    text: str = tokenizer.to_str()
    return text


def _card(found: SourceRows, reports: dict[str, GateReport], vocabulary: dict[str, int], config: DataConfig) -> str:
    lines = [found.card.rstrip(), "", "## Splits of this run", ""]
    lines += [
        "| split | rows | dropped (too long) | tokens | supervised | mean length | longest |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, report in reports.items():
        s = report.statistics
        share = f"{s['supervised_share']:.1%}" if s["rows"] else "-"
        lines.append(
            f"| {name} | {s['rows']} | {report.dropped} | {s.get('tokens', 0)} | {share} "
            f"| {s.get('length_mean', '-')} | {s.get('length_max', '-')} |"
        )
    lines += [
        "",
        f"Vocabulary of the base tokenizer: {vocabulary['base_tokens']} tokens; trimmed: {config.trim_vocabulary}.",
        "",
    ]
    return "\n".join(lines)


def copy_tokenizer(tokenizer: Path, folder: Path) -> None:
    """Puts the run's tokenizer beside a model, as Hugging Face folders have it."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer / name, folder / name)
