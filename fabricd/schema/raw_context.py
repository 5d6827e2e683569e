"""libyang's C interface for contexts: making one, loading modules into it, and looking at which it has.

Called by context.py, nodes.py and schema.py. Must not know model sets or trees of data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from _libyang import ffi, lib

from fabricd.schema.raw import NULL, text


def new_context(directories: list[str]) -> Any:
    cell = ffi.new("struct ly_ctx **")
    flags = lib.LY_CTX_NO_YANGLIBRARY | lib.LY_CTX_DISABLE_SEARCHDIR_CWD | lib.LY_CTX_EXPLICIT_COMPILE
    if lib.ly_ctx_new(NULL, flags, cell) != lib.LY_SUCCESS:
        return None
    for directory in directories:
        lib.ly_ctx_set_searchdir(cell[0], directory.encode())
    return cell[0]


def destroy_context(context: Any) -> None:
    lib.ly_ctx_destroy(context)


def load_module(context: Any, name: str, features: Sequence[str] = ()) -> bool:
    """Implement a module with these features, of which libyang refuses those that the module does not have."""
    names = [ffi.new("char[]", feature.encode()) for feature in features]
    wanted = ffi.new("const char *[]", [*names, NULL]) if names else NULL
    return bool(lib.ly_ctx_load_module(context, name.encode(), NULL, wanted) != NULL)


def enabled_features(module: Any) -> Iterator[str]:
    """Names of the features of a struct lys_module that are enabled, those of its submodules included."""
    index, feature = ffi.new("uint32_t *"), NULL
    while (feature := lib.lysp_feature_next(feature, module.parsed, index)) != NULL:
        if lib.lys_feature_value(module, feature.name) == lib.LY_SUCCESS:
            yield text(feature.name)


def load_file(context: Any, path: str) -> bool:
    cell = ffi.new("struct ly_in **")
    if lib.ly_in_new_filepath(path.encode(), 0, cell) != lib.LY_SUCCESS:
        return False
    try:
        return bool(lib.lys_parse(context, cell[0], lib.LYS_IN_YANG, NULL, NULL) == lib.LY_SUCCESS)
    finally:
        lib.ly_in_free(cell[0], 0)


def compile_context(context: Any) -> bool:
    return bool(lib.ly_ctx_compile(context) == lib.LY_SUCCESS)


def modules(context: Any) -> Iterator[Any]:
    """Every module of the context (struct lys_module *)."""
    index = ffi.new("uint32_t *")
    while (module := lib.ly_ctx_get_module_iter(context, index)) != NULL:
        yield module
