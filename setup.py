"""Compiles the hot path, when that is possible.

A module with a ``.pxd`` beside it is compiled by Cython.  Without Cython, without a compiler, or
with ``SIPFRONT_PURE=1``, the same files are installed as they are: slower, otherwise equal.
Everything else about the project stands in pyproject.toml.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
LINE = "=" * 78


def notice(why: str) -> None:
    """Say clearly that the build is the slow one."""
    sys.stderr.write(
        f"\n{LINE}\nsipfront: the hot path is NOT compiled: {why}\n"
        "It works all the same, at about half the speed. On Debian: "
        f"apt-get install gcc python3-dev\n{LINE}\n\n"
    )


def hot() -> list[Path]:
    """Every module that has its types in a ``.pxd`` beside it."""
    found = sorted((ROOT / "sipfront").glob("**/*.pxd"))
    return [p.with_suffix(".py").relative_to(ROOT) for p in found if p.stem != "__init__"]


def extensions() -> list[Extension]:
    """The extensions to build; none in a pure build."""
    if os.environ.get("SIPFRONT_PURE") == "1":
        return []
    modules = hot()
    if not modules:
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        notice("Cython is not installed")
        return []
    made = cythonize(
        [
            Extension(
                ".".join(path.with_suffix("").parts),
                [str(path)],
                extra_compile_args=["-O2", "-g0"],
            )
            for path in modules
        ],
        # The C files stay out of the source tree; the types stand in the .pxd and nowhere else, so
        # that an annotation means the same in both builds.
        build_dir="build/cython",
        compiler_directives={"language_level": "3", "annotation_typing": False},
    )
    return list(made)


class Build(build_ext):
    """``build_ext`` that turns a missing compiler into a notice instead of an error."""

    def run(self) -> None:
        """Build all, or none: half a compiled hot path would be tested by nobody."""
        try:
            super().run()
        except Exception as error:  # distutils raises a dozen unrelated classes
            # SIPFRONT_COMPILED=1 is what the tests of the compiled build ask for.
            if os.environ.get("SIPFRONT_COMPILED") == "1":
                raise
            notice(str(error))
            self.extensions = []

    def get_outputs(self) -> list[str]:
        """Only what was really made."""
        return list(super().get_outputs()) if self.extensions else []


setup(ext_modules=extensions(), cmdclass={"build_ext": Build})
