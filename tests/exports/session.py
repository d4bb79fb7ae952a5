"""Requests to a SavedModel through TensorFlow's C API, as TF Serving makes them.

`python session.py` reads, as JSON on stdin, the SavedModel's path and requests, and
writes a line with each one's status; a request that ends the process has none. Python's
TensorFlow is not loaded: other programs have none.
"""

import ctypes
import json
import sys
from importlib.util import find_spec
from pathlib import Path

STRING = 7
_STRING_BYTES = 24

_lib = None


def main():
    words = json.load(sys.stdin)
    _load_library()
    session, graph = _load(words["path"])
    for request in words["requests"]:
        print(json.dumps(_answer(session, graph, **request)), flush=True)


def _load_library():
    global _lib
    (folder,) = find_spec("tensorflow").submodule_search_locations
    _lib = ctypes.CDLL(str(Path(folder) / "libtensorflow_cc.so.2"))
    for name in ("NewStatus", "NewGraph", "NewSessionOptions", "NewBuffer"):
        getattr(_lib, f"TF_{name}").restype = ctypes.c_void_p
    for name in (
        "LoadSessionFromSavedModel",
        "GraphOperationByName",
        "AllocateTensor",
        "TensorData",
        "StringGetDataPointer",
    ):
        getattr(_lib, f"TF_{name}").restype = ctypes.c_void_p
    for name in ("Dim", "TensorByteSize", "StringGetSize"):
        getattr(_lib, f"TF_{name}").restype = ctypes.c_int64
    _lib.TF_Message.restype = ctypes.c_char_p


class _Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


def _load(path):
    status = _Status()
    graph = ctypes.c_void_p(_lib.TF_NewGraph())
    tags = (ctypes.c_char_p * 1)(b"serve")
    session = _lib.TF_LoadSessionFromSavedModel(
        ctypes.c_void_p(_lib.TF_NewSessionOptions()),
        None,
        path.encode(),
        tags,
        1,
        graph,
        None,
        status.pointer,
    )
    if status.code:
        raise SystemExit(status.message)
    return ctypes.c_void_p(session), graph


class _Status:
    def __init__(self):
        self.pointer = ctypes.c_void_p(_lib.TF_NewStatus())

    @property
    def code(self):
        return _lib.TF_GetCode(self.pointer)

    @property
    def message(self):
        return _lib.TF_Message(self.pointer).decode()


def _answer(session, graph, source, target, dtype, shape, contents):
    """Runs one request.

    Args:
        session: from `_load`.
        graph: likewise.
        source: name of the input tensor.
        target: name of the output tensor.
        dtype: number of the input's dtype in TensorFlow.
        shape: of the input.
        contents: of the input, in hexadecimal; a list for strings.
    """
    status = _Status()
    fed = (ctypes.c_void_p * 1)(_tensor(dtype, shape, contents))
    fetched = (ctypes.c_void_p * 1)()
    _lib.TF_SessionRun(
        session,
        None,
        (_Output * 1)(_output(graph, source)),
        fed,
        1,
        (_Output * 1)(_output(graph, target)),
        fetched,
        1,
        None,
        0,
        None,
        status.pointer,
    )
    if status.code:
        return {"code": status.code, "message": status.message}
    tensor = ctypes.c_void_p(fetched[0])
    dims = [_lib.TF_Dim(tensor, axis) for axis in range(_lib.TF_NumDims(tensor))]
    return {"code": 0, "shape": dims, "contents": _contents(tensor, dims)}


def _output(graph, name):
    operation, _, index = name.partition(":")
    found = _lib.TF_GraphOperationByName(graph, operation.encode())
    return _Output(found, int(index))


def _tensor(dtype, shape, contents):
    is_text = dtype == STRING
    data = [bytes.fromhex(text) for text in contents] if is_text else None
    raw = b"" if is_text else bytes.fromhex(contents)
    length = _STRING_BYTES * len(data) if is_text else len(raw)
    dims = (ctypes.c_int64 * len(shape))(*shape)
    size = ctypes.c_size_t(length)
    tensor = _lib.TF_AllocateTensor(dtype, dims, len(shape), size)
    start = _lib.TF_TensorData(ctypes.c_void_p(tensor))
    if is_text:
        for index, text in enumerate(data):
            place = ctypes.c_void_p(start + index * _STRING_BYTES)
            _lib.TF_StringInit(place)
            _lib.TF_StringCopy(place, text, ctypes.c_size_t(len(text)))
    elif raw:
        ctypes.memmove(start, raw, len(raw))
    return tensor


def _contents(tensor, dims):
    start = _lib.TF_TensorData(tensor)
    if _lib.TF_TensorType(tensor) != STRING:
        return ctypes.string_at(start, _lib.TF_TensorByteSize(tensor)).hex()
    texts = []
    for index in range(dims[0]):
        place = ctypes.c_void_p(start + index * _STRING_BYTES)
        text = ctypes.c_void_p(_lib.TF_StringGetDataPointer(place))
        texts.append(ctypes.string_at(text, _lib.TF_StringGetSize(place)).hex())
    return texts


if __name__ == "__main__":
    main()
