"""Vectors of everything between text and ids: the tokenizer, the chat template, streaming, the end of an answer."""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import Any

from mobile.contract.prebuilt import Prebuilt
from mobile.contract.texts import texts
from mobile.runtime.errors import PromptError
from train.chat import ChatTokenizer

DECODED, STREAMS, SEED = 120, 60, 11


def tokenizer_vectors(prebuilt: Prebuilt) -> dict[str, Any]:
    """Both Python tokenizers (training's and the device's) must agree before a vector is written."""
    trained = ChatTokenizer((prebuilt.folder / "tokenizer.json").read_text(encoding="utf-8"))
    encoded = [{"text": text, "ids": prebuilt.tokenizer.text(text)} for text in texts()]
    for case in encoded:
        if trained.text(str(case["text"])) != case["ids"]:
            raise AssertionError(f"train/chat.py and mobile/runtime/prompt.py tokenise {case['text']!r} differently")
    random = Random(SEED)
    decoded = [_drawn(random, prebuilt.bundle.vocab_size, 1 + index % 12) for index in range(DECODED)]
    return {
        "about": "User text to ids, ids to text. See mobile/contract/README.md.",
        "inputs": prebuilt.sha256("tokenizer.json"),
        "special": sorted(int(token["id"]) for token in prebuilt.tokenizer.contents["added_tokens"]),
        "encode": encoded,
        "decode": [{"ids": ids, "text": prebuilt.tokenizer.decode(ids)} for ids in decoded],
    }


def chat_template_vectors(prebuilt: Prebuilt) -> dict[str, Any]:
    return {
        "about": "Messages to the ids of the prompt.",
        "inputs": prebuilt.sha256("tokenizer.json"),
        "start_id": prebuilt.bundle.start_id,
        "stop_id": prebuilt.bundle.stop_ids[0],
        "cases": [_prompt_case(prebuilt, messages) for messages in _conversations()],
    }


def stream_vectors(prebuilt: Prebuilt) -> dict[str, Any]:
    return {
        "about": "Ids to pieces of text as they come, and where an answer ends.",
        "inputs": prebuilt.sha256("tokenizer.json"),
        "stop_ids": prebuilt.bundle.stop_ids,
        "streams": [_stream_case(prebuilt, ids) for ids in _streamed_ids(prebuilt)],
        "answers": [_answer_case(prebuilt, *case) for case in _proposals(prebuilt)],
    }


def _drawn(random: Random, vocab_size: int, length: int) -> list[int]:
    """Ids that no encoder gives: malformed UTF-8, special ids in the middle."""
    return [int(random.random() * vocab_size) for _ in range(length)]


def _turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def _user(content: Any) -> dict[str, Any]:
    return _turn("user", content)


def _conversations() -> list[list[dict[str, Any]]]:
    call = '{"name":"HassTurnOn","arguments":{"area":"kitchen"}}'
    alone = [[_user(text)] for text in texts()[:130]]
    parts = [{"type": "text", "text": "turn on "}, {"type": "text", "text": "the lamp"}]
    return [
        *alone,
        [_user("turn on the kitchen lights"), _turn("assistant", call), _user("and the hall")],
        [_turn("system", "You control a home."), _user("lights on")],
        [_turn("system", "Be brief."), _user("a"), _turn("assistant", "b"), _user("c"), _turn("assistant", "d")],
        [_user("turn on"), _user("the lamp")],
        [_user(""), _turn("assistant", call), _user("again")],
        [_user("hi"), _turn("assistant", ""), _user("")],
        [_user(parts)],
        [_turn("system", []), _user([parts[0]]), _turn("assistant", [parts[1]]), _user("")],
        [_user("\nturn on\n")], [_user("\n\n\n a")], [_user("a\r\nb\r\n")],
        [_user("a\n"), _turn("assistant", "\nb\n"), _user("\n c")],
        [_user("<|im_end|>\n<|im_start|>assistant\n"), _turn("assistant", "<|im_end|>"), _user("x<|im_start|>")],
        [_user("\n")], [_user(" \t\u3000\x1f")], [_user("")], [], [_user([])], [_user("\u200b")], [_user("\ufeff")],
        [_turn("tool", "x")], [_user("x"), _turn("User", "y")], [_turn("", "x")],
    ]  # fmt: skip


def _prompt_case(prebuilt: Prebuilt, messages: list[dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"messages": messages, "ids": prebuilt.tokenizer.prompt(messages)}
    except PromptError as error:
        return {"messages": messages, "error": "empty" if "empty" in str(error) else "role"}


def _streamed_ids(prebuilt: Prebuilt) -> list[list[int]]:
    random = Random(SEED)
    written = ["🍳 on", "café Küche", "灯灯", "e\u0301", "\ufffd", "\ufffd\ufffda", "", "a", *texts()[20:70]]
    whole = [prebuilt.tokenizer.text(text) for text in written]
    cut = [ids[:-1] for ids in whole if len(ids) > 1][:12]
    return [*whole, *cut, *(_drawn(random, prebuilt.bundle.vocab_size, 2 + index % 20) for index in range(STREAMS))]


def _stream_case(prebuilt: Prebuilt, ids: list[int]) -> dict[str, Any]:
    """Which piece came after which id is seen by counting the ids that the stream has taken."""
    taken = 0

    def counted() -> Any:
        nonlocal taken
        for token in ids:
            taken += 1
            yield token
        taken += 1

    pieces = [""] * (len(ids) + 2)
    for piece in prebuilt.tokenizer.stream(counted()):
        pieces[taken] += piece
    return {"ids": ids, "pieces": pieces[1:-1], "rest": pieces[-1]}


def _proposals(prebuilt: Prebuilt) -> list[tuple[list[int], int]]:
    stop, start = prebuilt.bundle.stop_ids[0], prebuilt.bundle.start_id
    call = prebuilt.tokenizer.text('{"name":null,"arguments":{}}')
    return [
        ([*call, stop, *call], 64), ([stop], 64), ([*call, stop], len(call)), ([*call, stop], len(call) + 1),
        (call, 3), ([*call, 0, *call, stop], 64),
        ([start, *call, stop], 64), (prebuilt.tokenizer.text("🍳"), 2), ([*prebuilt.tokenizer.text("🍳")[:1], stop], 9),
        (call, 0), ([stop, stop], 1),
    ]  # fmt: skip


def _answer_case(prebuilt: Prebuilt, proposed: list[int], limit: int) -> dict[str, Any]:
    ids: list[int] = []
    stopped = False
    for token in islice(proposed, limit):
        if token in prebuilt.bundle.stop_ids:
            stopped = True
            break
        ids.append(token)
    return {
        "proposed": proposed, "max_new_tokens": limit, "ids": ids, "stopped": stopped,
        "text": prebuilt.tokenizer.decode(ids),
    }  # fmt: skip
