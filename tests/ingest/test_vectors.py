"""Tables of vectors as other programs write them, and files that only look like one."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from earthcurator.errors import BadInput, CuratorError, NotFound
from earthcurator.ingest.vectors import VectorRows, open_vectors

ROWS, DIM = 9, 5
VECTORS = np.random.default_rng(4).normal(size=(ROWS, DIM)).astype(np.float16)
NAMES = [f"water/{number}.png" for number in range(ROWS)]


def column(kind: pa.DataType, *, fixed: bool) -> pa.Array:
    values = pa.array(VECTORS.ravel()).cast(kind)
    if fixed:
        return pa.FixedSizeListArray.from_arrays(values, DIM)
    return pa.ListArray.from_arrays(pa.array(np.arange(0, ROWS * DIM + 1, DIM), pa.int32()), values)


def read(path: Path, **options: str) -> VectorRows:
    """The rows of a small table."""
    table = open_vectors(path, **options)
    (rows,) = table.rows()
    assert rows.vectors.shape == (len(rows.names), table.dim)
    assert table.count in (None, len(rows.names))
    return rows


def unit(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    found: NDArray[np.float64] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return found


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("ending", ["parquet", "feather", "arrow"])
def test_tables_of_every_kind_give_the_same_unit_vectors(
    tmp_path: Path, ending: str, kind: pa.DataType, fixed: bool
) -> None:
    table = pa.table({"file": NAMES, "area": [1.0] * ROWS, "embedding": column(kind, fixed=fixed)})
    path = tmp_path / f"clay.{ending}"
    match ending:
        case "parquet":
            pq.write_table(table, path, row_group_size=4)
        case "feather":
            feather.write_feather(table, path, compression="lz4")
        case _:
            with pa.ipc.new_file(path, table.schema) as writer:
                writer.write_table(table)
    rows = [read for batch in open_vectors(path).rows() for read in zip(batch.names, batch.vectors, strict=True)]
    assert [name for name, _ in rows] == NAMES
    np.testing.assert_allclose(np.stack([vector for _, vector in rows]), unit(VECTORS), atol=1e-6)


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_kind_give_the_same_unit_vectors(tmp_path: Path, kind: str, order: str) -> None:
    np.save(tmp_path / "clay.npy", np.asarray(VECTORS.astype(kind), order=order))  # type: ignore[call-overload]  # C, F
    (tmp_path / "clay.txt").write_text("\n".join(NAMES) + "\n")
    rows = read(tmp_path / "clay.npy")
    assert list(rows.names) == NAMES
    np.testing.assert_allclose(rows.vectors, unit(VECTORS), atol=1e-6)


def test_names_of_an_array_may_be_a_column_of_a_csv(tmp_path: Path) -> None:
    np.save(tmp_path / "clay.npy", VECTORS)
    lines = ["label,filename"] + [f'"field, wet",{name}' for name in NAMES]
    (tmp_path / "names.csv").write_text("\r\n".join(lines), encoding="utf-8-sig")
    assert list(read(tmp_path / "clay.npy", ids=str(tmp_path / "names.csv")).names) == NAMES


def test_numbers_beyond_single_precision_keep_their_direction(tmp_path: Path) -> None:
    np.save(tmp_path / "far.npy", VECTORS.astype(np.float64) * 1e200)
    (tmp_path / "far.txt").write_text("\n".join(NAMES))
    np.testing.assert_allclose(read(tmp_path / "far.npy").vectors, unit(VECTORS), atol=1e-6)


def test_rows_without_a_direction_are_marked_with_the_reason(tmp_path: Path) -> None:
    lists = [[3.0, 4.0], [0.0, 0.0], [1.0, float("nan")], None, [1.0, 2.0, 3.0], [], [float("inf"), 1.0], [1.0, None]]
    table = pa.table({"id": [*"abcdefg", None], "vector": pa.array(lists, pa.list_(pa.float32()))})
    pq.write_table(table, tmp_path / "odd.parquet")
    rows = read(tmp_path / "odd.parquet")
    assert rows.faults == {
        1: "zero", 2: "not finite", 3: "no vector", 4: "other length", 5: "other length", 6: "not finite",
        7: "not finite",
    }  # fmt: skip
    assert rows.names[7] == ""
    np.testing.assert_allclose(rows.vectors[0], [0.6, 0.8], atol=1e-6)


def test_long_vectors_are_read_few_at_a_time(tmp_path: Path) -> None:
    wide = np.ones((3, 60_000), np.float16)
    pq.write_table(pa.table({"id": list("abc") * 30, "v": list(wide) * 30}), tmp_path / "wide.parquet")
    counts = [len(rows.names) for rows in open_vectors(tmp_path / "wide.parquet").rows()]
    assert (sum(counts), max(counts)) == (90, 66)


def test_columns_can_be_named_where_several_would_do(tmp_path: Path) -> None:
    table = {"scene": ["s"] * ROWS, "tile": NAMES, "first": column(pa.float32(), fixed=True)}
    pq.write_table(pa.table({**table, "second": column(pa.float32(), fixed=False)}), tmp_path / "two.parquet")
    path = tmp_path / "two.parquet"
    with pytest.raises(BadInput, match="several columns that may be names: scene, tile") as failed:
        open_vectors(path)
    assert "--ids" in failed.value.hint
    with pytest.raises(BadInput, match="several columns that may be vectors: first, second") as failed:
        open_vectors(path, ids="tile")
    assert "--vectors" in failed.value.hint
    with pytest.raises(BadInput, match="no column third"):
        open_vectors(path, ids="tile", column="third")
    assert list(read(path, ids="tile", column="second").names) == NAMES


Write = Callable[[Path], object]


def text(content: str) -> Write:
    return lambda path: path.write_text(content)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: np.save(path, VECTORS[0]), r"not float16, float32 or float64 \(n, d\)"),
        (lambda path: np.save(path, np.ones((3, 4), np.int8)), "holds int8"),
        (lambda path: np.save(path, np.ones((3, 0), np.float32)), "vectors of 0 numbers"),
        (lambda path: np.save(path, np.ones((1, 70_000), np.float16)), "vectors of 70,000 numbers"),
        (lambda path: np.save(path, VECTORS), "9 rows, and .* names 3"),
        (lambda path: np.savez(path.with_suffix(".npz"), VECTORS), "no table of vectors"),
        (text("0.1,0.2"), "no table of vectors"),
        (text(""), "no table of vectors"),
        (lambda path: path.write_bytes(b"PAR1 and nothing more"), "damaged"),
        (lambda path: path.write_bytes(b"ARROW1\0\0 and nothing more"), "damaged"),
        (lambda path: pq.write_table(pa.table({"id": ["a"]}), path), "no column of vectors"),
        (lambda path: pq.write_table(pa.table({"v": [[1.0]]}), path), "no column of names"),
        (lambda path: pq.write_table(pa.table({"id": ["a"], "v": [[1, 2]]}), path), "no column of vectors"),
        (lambda path: pq.write_table(pa.table({"id": ["a"], "v": [[1.0]]}).slice(0, 0), path), "vectors of 0 numbers"),
    ],
)
def test_what_is_no_table_of_vectors_is_a_sentence(tmp_path: Path, write: Write, words: str) -> None:
    path = tmp_path / "given.npy"
    (tmp_path / "given.txt").write_text("a\nb\nc\n")
    write(path)
    with pytest.raises(BadInput, match=words) as failed:
        open_vectors(path if path.exists() else path.with_suffix(".npz"))
    assert failed.value.hint


def test_lists_of_names_that_cannot_be_read_are_a_sentence(tmp_path: Path) -> None:
    np.save(tmp_path / "clay.npy", VECTORS)
    with pytest.raises(BadInput, match=r"no clay\.csv or clay\.txt"):
        open_vectors(tmp_path / "clay.npy")
    with pytest.raises(NotFound, match=r"nothing\.txt"):
        open_vectors(tmp_path / "clay.npy", ids=str(tmp_path / "nothing.txt"))
    (tmp_path / "clay.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not a list of names"):
        open_vectors(tmp_path / "clay.npy")
    with pytest.raises(NotFound, match="cannot be read"):
        open_vectors(tmp_path / "nothing.parquet")


def test_cut_tables_are_a_sentence_wherever_they_end(tmp_path: Path) -> None:
    table = pa.table({"file": NAMES, "embedding": column(pa.float32(), fixed=True)})
    pq.write_table(table, tmp_path / "whole.parquet")
    feather.write_feather(table, tmp_path / "whole.feather", compression="uncompressed")
    for ending in ("parquet", "feather"):
        whole = (tmp_path / f"whole.{ending}").read_bytes()
        for length in range(8, len(whole), 97):
            cut = tmp_path / f"cut.{ending}"
            cut.write_bytes(whole[:length])
            with pytest.raises(CuratorError):
                list(open_vectors(cut).rows())


class _Hostile:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.proof,)


def test_arrow_file_that_points_outside_its_memory_is_refused(tmp_path: Path) -> None:
    batch = pa.record_batch({"id": ["a", "b"], "vector": pa.array([[1.0], [2.0]], pa.list_(pa.float64(), 1))})
    with pa.ipc.new_file(tmp_path / "far.arrow", batch.schema) as writer:
        writer.write_batch(batch)
    told, lie = (np.array([0, 1, end], np.int32).tobytes() for end in (2, 1 << 30))
    whole = (tmp_path / "far.arrow").read_bytes()
    assert whole.count(told) == 1
    (tmp_path / "far.arrow").write_bytes(whole.replace(told, lie))
    with pytest.raises(BadInput, match="damaged"):
        list(open_vectors(tmp_path / "far.arrow").rows())


@pytest.mark.parametrize("form", ["objects", "pickle", "old pickle", "extension"])
def test_hostile_tables_run_nothing(tmp_path: Path, form: str) -> None:
    proof, path = tmp_path / "proof", tmp_path / "evil.npy"
    (tmp_path / "evil.txt").write_text("a\n")
    match form:
        case "objects":
            np.save(path, np.array([[_Hostile(proof)]], object), allow_pickle=True)
        case "pickle":
            path.write_bytes(pickle.dumps(_Hostile(proof)))
        case "old pickle":
            path.write_bytes(pickle.dumps(_Hostile(proof), protocol=0))
        case _:  # an extension type that older Arrows made by unpickling it
            hidden = {
                "ARROW:extension:name": "arrow.py_extension_type",
                "ARROW:extension:metadata": pickle.dumps(_Hostile(proof)),
            }
            fields = [pa.field("id", pa.string()), pa.field("vector", pa.list_(pa.int32()), metadata=hidden)]
            with pq.ParquetWriter(path, pa.schema(fields)) as writer:
                writer.write_table(pa.table([["a"], [[1]]], schema=pa.schema(fields)))
    with pytest.raises(BadInput):
        list(open_vectors(path).rows())
    assert not proof.exists()


def test_array_that_claims_more_rows_than_it_has_is_refused(tmp_path: Path) -> None:
    for shape in ("(1000000000000, 4)", "(-3, 4)", "(9223372036854775807, 9223372036854775807)"):
        head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        (tmp_path / "large.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
        with pytest.raises(BadInput, match="not an array of numbers"):
            open_vectors(tmp_path / "large.npy", ids=json.dumps(shape))
