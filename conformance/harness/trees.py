"""Real trees of files to store, and their comparison byte for byte.

Promises: input is the same in every run on one machine; links and special files are left out, since
object storage keeps neither; every byte is hashed, never only sizes or times.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

PIECE = 1 << 20


def digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            state.update(piece)
    return state.hexdigest()


def digests(root: Path) -> dict[str, str]:
    """Relative path to SHA-256, of every file below."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(root)): digest(path) for path in files}


def same(left: Path, right: Path) -> None:
    """Fails unless both trees hold the same files with the same bytes."""
    a, b = digests(left), digests(right)
    assert a.keys() == b.keys(), f"names differ: {sorted(a.keys() ^ b.keys())[:20]}"
    different = [name for name in a if a[name] != b[name]]
    assert not different, f"bytes differ: {different[:20]}"
    assert a, "an empty tree compares nothing"


def pseudo_random(path: Path, length: int, seed: str) -> None:
    """Writes bytes that do not compress and that a seed tells."""
    state = hashlib.shake_256(seed.encode())
    pool = state.digest(PIECE)
    with path.open("wb") as file:
        for number in range(0, length, PIECE):
            head = hashlib.sha256(f"{seed}/{number}".encode()).digest()
            file.write((head + pool[32:])[: length - number])


def copy_real_files(target: Path, sources: list[Path], count_max: int, bytes_max: int) -> int:
    """Copies regular files of real trees until a bound is met; gives their number."""
    count = total = 0
    for source in sources:
        for folder, folders, names in os.walk(source):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                if path.is_symlink() or not path.is_file():
                    continue
                size = path.stat().st_size
                if count >= count_max:
                    return count
                if total + size > bytes_max:
                    continue
                copy = target / source.name / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
                count, total = count + 1, total + size
    return count


def real_sources() -> list[Path]:
    """Trees that a development machine or a CI runner has."""
    toolchains = Path.home() / ".rustup/toolchains"
    libraries = sorted(toolchains.glob("*/lib/rustlib/*/lib")) if toolchains.is_dir() else []
    shares = [Path("/usr/share") / name for name in ("doc", "perl", "zoneinfo", "man", "i18n")]
    return [path for path in [*shares, *libraries[:1]] if path.is_dir()]


def make_tree(target: Path, count_max: int = 1500, bytes_max: int = 96 << 20) -> Path:
    """A real tree, plus a file over 100 MB, an empty one, and names that need escaping."""
    target.mkdir(parents=True)
    copied = copy_real_files(target, real_sources(), count_max, bytes_max)
    assert copied > 100, f"only {copied} real files found"
    big = target / "large files"
    big.mkdir()
    pseudo_random(big / "over 100 MB.bin", (104 << 20) + 12345, "large")
    pseudo_random(big / "sixteen.bin", 16 << 20, "sixteen")
    (big / "empty").write_bytes(b"")
    names = target / "names"
    names.mkdir()
    for name in ("plus+and space", "per%20cent", "ümläut-λ-日本", "a&b=c;d'e(f)!", "#hash?mark"):
        (names / name).write_text(f"the file {name}\n")
    return target


def small_tree(target: Path) -> Path:
    """Some hundred real files and two of several megabytes."""
    target.mkdir(parents=True)
    copy_real_files(target, real_sources(), 300, 24 << 20)
    pseudo_random(target / "twenty.bin", (20 << 20) + 7, "twenty")
    return target
