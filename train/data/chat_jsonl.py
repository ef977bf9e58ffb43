"""Chat rows from JSONL files: {"messages": [...]} or {"prompt": ..., "completion": ...}, checked line by line."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from train.chat import ROLES, content_text
from train.errors import UserError
from train.local_path import missing

Row = dict[str, Any]
SHOWN_PROBLEMS = 5


def read_chat_jsonl(path: Path, key: str = "data", limit: int | None = None) -> list[Row]:
    """The rows of a file.

    Args:
        path: UTF-8, with or without a byte order mark.
        key: config key that names the file, for messages.
        limit: rows that are kept, the first ones; None: all. Every line is checked.

    Raises:
        UserError: no such file, no rows, or rows that are not chats; the first problems are listed by line number.
    """
    rows: list[Row] = []
    for _, row in _checked_rows(path, key):
        if limit is None or len(rows) < limit:
            rows.append(row)
    return rows


class ChatFile:
    """A file's rows by number, each checked, and read anew when it is asked for: a large file is never held whole.

    Args and errors: as of read_chat_jsonl.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._offsets = array("q", (offset for offset, _ in _checked_rows(path, key)))

    def __len__(self) -> int:
        return len(self._offsets)

    def rows(self, numbers: Iterable[int]) -> list[Row]:
        """The rows of these numbers, in this order."""
        found = []
        with self._path.open("rb") as file:
            for number in numbers:
                file.seek(self._offsets[number])
                found.append(as_chat(json.loads(file.readline().decode("utf-8-sig"))))
        return found


def _checked_rows(path: Path, key: str) -> Iterator[tuple[int, Row]]:
    """Each row behind the byte that it begins at. What is wrong with others is raised at the end."""
    found, problems = 0, []
    for number, offset, line in _lines(path, key):
        if not line.strip():
            continue
        try:
            row = as_chat(json.loads(line))
        except (ValueError, RecursionError) as error:
            problems.append(f"  {path}:{number}: {error}")
            continue
        found += 1
        yield offset, row
    if problems:
        more = f"\n  … and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
        raise UserError(f"{key}: {len(problems)} bad rows:\n" + "\n".join(problems[:SHOWN_PROBLEMS]) + more)
    if not found:
        raise UserError(f'{key}: {path} holds no rows. Each line is one chat: {{"messages": [{{"role": …}}, …]}}.')


def _lines(path: Path, key: str) -> Iterator[tuple[int, int, str]]:
    """Number from 1, first byte and text of each line. Only a line feed ends one: JSON may hold every other break."""
    offset = number = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, offset, line.decode("utf-8-sig" if number == 1 else "utf-8")
                offset += len(line)
    except FileNotFoundError:
        raise missing(key, path) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{key}: {path}:{number} can't be read as UTF-8 text: {error}. Save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"{key}: {path} can't be read: {error}. Name a file of UTF-8 text.") from None


def stream_chat(records: Iterable[tuple[int, Any]], origin: str, limit: int) -> list[Row]:
    """The first `limit` records of a data set, each with its number, as chat rows."""
    rows: list[Row] = []
    for number, record in records:
        if len(rows) == limit:
            break
        try:
            rows.append(as_chat(record))
        except ValueError as error:
            raise UserError(f"{origin}, row {number}: {error}") from None
    if not rows:
        raise UserError(f"{origin} holds no rows.")
    return rows


def as_chat(record: Any) -> Row:
    """A record as a chat row. Raises ValueError saying what is wrong with it."""
    if not isinstance(record, dict):
        raise ValueError(f"a JSON object was expected, not {type(record).__name__}")
    row = _with_messages(record)
    messages = row["messages"]
    if not isinstance(messages, list) or not messages:
        raise ValueError("'messages' must be a list of messages")
    for index, message in enumerate(messages):
        _check_message(message, index)
    if messages[-1]["role"] != "assistant":
        raise ValueError(f"the last message must be the assistant's, not the {messages[-1]['role']}'s")
    check_storable(record)
    return row


SPOILED = (ValueError, KeyError, TypeError, RecursionError)  # what reading a row of data/ raises that was edited


def spoiled(path: Path, number: int, error: Exception) -> UserError:
    """For a row of a run's data/ that can't be read, though the stage 'data' had checked it."""
    return UserError(
        f"{path}:{number} is no chat row ({type(error).__name__}: {error}): it was changed after the stage 'data' had "
        "written it. Make it again: tandem data CONFIG"
    )


def check_storable(record: dict[str, Any]) -> None:
    """Raises ValueError naming the first key whose value can't be written as UTF-8 JSON, as all of data/ is."""
    if _json_fault(record) is None:  # at once: twice as fast as key by key
        return
    for key, value in record.items():
        if (fault := _json_fault({key: value})) is not None:
            raise ValueError(f"{key!r} {fault}, or leave it out")


def _json_fault(value: Any) -> str | None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except TypeError as error:  # a data set's column of dates, images or bytes
        return f"can't be written as JSON ({error}): turn it into text"
    except UnicodeEncodeError as error:  # JSON can spell it, UTF-8 can't, and tokenizers take no such text
        return f"holds {error.object[error.start]!a}, half of a UTF-16 pair: write the whole character"
    return None


def _with_messages(record: dict[str, Any]) -> Row:
    if "messages" in record:
        return record
    if "prompt" in record and "completion" in record:
        rest = {key: value for key, value in record.items() if key not in ("prompt", "completion")}
        messages = [
            {"role": "user", "content": record["prompt"]},
            {"role": "assistant", "content": record["completion"]},
        ]
        return {"messages": messages, **rest}
    raise ValueError(f"no 'messages' (nor 'prompt' and 'completion'); it has {_keys(record)}")


def _keys(found: dict[str, Any]) -> str:
    return ", ".join(map(repr, found)) or "no keys"


def _check_message(message: Any, index: int) -> None:
    if not isinstance(message, dict):
        raise ValueError(f"message {index} needs 'role' and 'content'; it is no object but {type(message).__name__}")
    if not {"role", "content"} <= set(message):
        raise ValueError(f"message {index} needs 'role' and 'content'; it has {_keys(message)}")
    if message["role"] not in ROLES:
        raise ValueError(f"message {index} has the role {message['role']!r}; known: {', '.join(ROLES)}")
    content = message["content"]
    parts_ok = isinstance(content, list) and all(
        isinstance(p, dict) and isinstance(p.get("text"), str) for p in content
    )
    if not isinstance(content, str) and not parts_ok:
        raise ValueError(f"message {index}: 'content' must be text or a list of text parts")
    if not content_text(content).strip():
        raise ValueError(f"message {index} of the {message['role']} is empty")
