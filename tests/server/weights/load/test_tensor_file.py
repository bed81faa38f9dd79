"""The head of a safetensors file."""

from __future__ import annotations

from pathlib import Path

import checkpoints
import pytest

from phi4_server.weights.load import tensor_file
from phi4_server.weights.load.tensor_file import Tensor


def test_a_whole_file(tmp_path: Path) -> None:
    """Each tensor is there with its type and shape, and its size follows from them."""
    checkpoints.write_tensors(tmp_path / "f", {"a": (2, 3), "b": ()})

    tensors = tensor_file.read(tmp_path / "f")

    assert tensors == {"a": Tensor("BF16", (2, 3)), "b": Tensor("BF16", ())}
    assert [tensor.size for tensor in tensors.values()] == [12, 2]


@pytest.mark.parametrize(
    ("keep", "problem"),
    [
        (0, "is cut off: it is all but empty"),
        (5, "is cut off: it is all but empty"),
        (40, "is cut off after 40 bytes"),
        (-1, "of .* bytes are there"),
    ],
)
def test_a_file_that_is_cut_off(keep: int, problem: str, tmp_path: Path) -> None:
    """Wherever a download or a copy ended, it is seen without reading the tensors."""
    file = tmp_path / "f"
    checkpoints.write_tensors(file, {"a": (2, 3)})
    file.write_bytes(file.read_bytes()[:keep])

    with pytest.raises(ValueError, match=problem):
        tensor_file.read(file)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"<html>Not found</html>", "is no safetensors file, or broken"),
        (b"\x02" + bytes(7) + b"[]", "is no safetensors file, or broken"),
        (b"\x02" + bytes(7) + b"{]", "is no safetensors file, or broken"),
        (b'\x08\0\0\0\0\0\0\0{"a": 1}', "is no safetensors file, or broken"),
    ],
)
def test_what_is_no_such_file(content: bytes, problem: str, tmp_path: Path) -> None:
    """It is refused, Git's pointers with what fetches the file."""
    (tmp_path / "f").write_bytes(content)

    with pytest.raises(ValueError, match=problem):
        tensor_file.read(tmp_path / "f")
