"""Spells what an answer copies from the sentence with the sentence's own pieces.

A name stands behind a space in the sentence and behind a quote in the call, and BPE splits the two differently:
"headboard" is he|ad|board there and head|board here. Induction heads, which a model copies with, then look for the next
piece in the wrong place. So the strings of a JSON answer that occur in the sentence are taught in its pieces: all but
the first are the same tokens, the first is the same text without its space. The text of the answer does not change, and
a model may spell as it likes when it answers.

Where a piece ends in the sentence is counted in its letters, of which byte-level BPE has one a byte. Tokenizers that
write otherwise (SentencePiece's "▁" and "<0xC3>"), or change the text first (NFC, a space in front), encode the answer
as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

SPACE = "Ġ"  # how byte-level BPE writes a leading space
# GPT-2's letter for each byte: its own character where Latin-1 has a visible one, else the next from 256 on.
_VISIBLE = {*range(33, 127), *range(161, 173), *range(174, 256)}
_HIDDEN = [byte for byte in range(256) if byte not in _VISIBLE]
LETTERS = [chr(byte) if byte in _VISIBLE else chr(256 + _HIDDEN.index(byte)) for byte in range(256)]
_STRING = re.compile(r'"([^"\\]+)"')


def copied_pieces(
    answer: str, sentence: str, pieces: Sequence[tuple[str, int]], encode: Callable[[str], list[int]]
) -> list[int]:
    """Ids of `answer`, its copied strings spelled as in `sentence`.

    Args:
        answer: text to teach.
        sentence: text it copies from.
        pieces: (token, id) of the whole sentence.
        encode: ids of plain text.
    """
    if "".join(token for token, _ in pieces) != "".join(LETTERS[byte] for byte in sentence.encode()):
        return encode(answer)
    ids: list[int] = []
    done = 0
    for found in _STRING.finditer(answer):
        spelled = _spelled(found[1], sentence, pieces, encode)
        if spelled is not None:
            ids += encode(answer[done : found.start(1)]) + spelled
            done = found.end(1)
    return ids + encode(answer[done:])


def _spelled(
    text: str, sentence: str, pieces: Sequence[tuple[str, int]], encode: Callable[[str], list[int]]
) -> list[int] | None:
    """Ids of `text` by the pieces of its first occurrence as whole words; None where there is none."""
    if not (text[0].isalnum() and text[-1].isalnum()):  # else the quote might belong to its first or last piece
        return None
    found = re.search(rf"(?<![^\W_]){re.escape(text)}(?![^\W_])", sentence)
    if found is None:
        return None
    begin, size = len(sentence[: found.start()].encode()), len(text.encode())
    at, inside = 0, []
    for token, number in pieces:
        if at < begin + size and at + len(token) > begin:
            inside.append((at - begin, token, number))
        at += len(token)
    before, head, _ = inside[0]
    if inside[-1][0] + len(inside[-1][1]) != size or before not in (0, -1):
        return None
    if before == 0:
        return [number for _, _, number in inside]
    if not head.startswith(SPACE):
        return None
    start = text.encode()[: len(head) - 1].decode(errors="ignore")
    if len(start.encode()) != len(head) - 1:  # the first piece ends inside a character
        return None
    return [*(encode(start) if start else []), *(number for _, _, number in inside[1:])]
