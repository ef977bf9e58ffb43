"""What compiled Java classes call, and what an older class library has: for a check of the API level.

A class file's constant pool names every class, method and field that the class uses (JVM specification, chapter 4).
The JDK ships the signatures of older releases in `lib/ct.sym`, a zip of class files without code.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

# Constant tag -> bytes after it; 1 (UTF-8) has its own length, 5 and 6 take two numbers of the pool.
SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}


class ClassFile(NamedTuple):
    """`parents`: superclass and interfaces; `members`: "name descriptor"; `uses`: (class, member) pairs."""

    name: str
    parents: list[str]
    members: set[str]
    uses: set[tuple[str, str]]


def read_class(data: bytes) -> ClassFile:
    pool, at = _pool(data)

    def text(index: int) -> str:
        value = pool[index]
        return value if isinstance(value, str) else text(value[1])

    def member(index: int) -> str:
        _, name, descriptor = pool[index]
        return f"{text(name)} {text(descriptor)}"

    _, this, parent, count = struct.unpack_from(">HHHH", data, at)
    interfaces = struct.unpack_from(f">{count}H", data, at + 8)
    parents = [text(index) for index in (parent, *interfaces) if index]
    uses = {
        (text(entry[1]), member(entry[2]))
        for entry in pool.values()
        if isinstance(entry, tuple) and entry[0] in (9, 10, 11)
    }
    return ClassFile(text(this), parents, _members(data, at + 8 + 2 * count, text), uses)


class OldLibrary:
    """The classes of an older Java release, from `lib/ct.sym` of a JDK."""

    def __init__(self, ct_sym: Path, release: str) -> None:
        self._archive = zipfile.ZipFile(ct_sym)
        names = (name.split("/", 2) for name in self._archive.namelist() if name.endswith(".sig"))
        self._paths = {
            path.removesuffix(".sig"): f"{found}/{module}/{path}" for found, module, path in names if release in found
        }

    def has(self, name: str, member: str) -> bool:
        """Whether a class or one of its parents declares `member`, a "name descriptor"."""
        if name.startswith("["):
            return True  # arrays have clone() and what Object has
        if name not in self._paths:
            return False
        found = read_class(self._archive.read(self._paths[name]))
        return member in found.members or any(self.has(parent, member) for parent in found.parents)


def _pool(data: bytes) -> tuple[dict[int, Any], int]:
    pool: dict[int, Any] = {}
    (count,) = struct.unpack_from(">H", data, 8)
    at, index = 10, 1
    while index < count:
        tag = data[at]
        if tag == 1:
            (length,) = struct.unpack_from(">H", data, at + 1)
            pool[index] = data[at + 3 : at + 3 + length].decode("utf-8", "replace")
            at += 3 + length
        else:
            numbers = struct.unpack_from(">HH" if SIZES[tag] == 4 else ">H", data, at + 1) if tag > 6 else ()
            pool[index] = (tag, *numbers)
            at += 1 + SIZES[tag]
        index += 2 if tag in (5, 6) else 1
    return pool, at


def _members(data: bytes, at: int, text: Callable[[int], str]) -> set[str]:
    members: set[str] = set()
    for _ in ("fields", "methods"):
        (count,) = struct.unpack_from(">H", data, at)
        at += 2
        for _ in range(count):
            _, name, descriptor, attributes = struct.unpack_from(">HHHH", data, at)
            members.add(f"{text(name)} {text(descriptor)}")
            at += 8
            for _ in range(attributes):
                at += 6 + struct.unpack_from(">I", data, at + 2)[0]
    return members
