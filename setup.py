"""Compiles the hot path, when that is possible.

A module with a ``.pxd`` beside it is compiled by Cython.  Without Cython, without a compiler, or
with ``SIPFRONT_PURE=1``, the same files are installed as they are: slower, otherwise equal.
The manual page and the shell completions are made here too, of the command's own parser.
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
        # that an annotation means the same in both builds.  An attribute of None is an error in
        # both as well, and not whatever stands in memory there.
        build_dir="build/cython",
        nthreads=os.cpu_count() or 1,
        compiler_directives={
            "language_level": "3",
            "annotation_typing": False,
            "nonecheck": True,
        },
    )
    return list(made)


class Build(build_ext):
    """``build_ext`` on all cores, which turns a missing compiler into a notice, not an error."""

    def finalize_options(self) -> None:
        """As many compilers at once as there are cores, unless told otherwise."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

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


def from_the_parser() -> list[tuple[str, list[str]]]:
    """The manual page and the completions, made of the command's own parser (standard library)."""
    sys.path.insert(0, str(ROOT))
    try:
        from sipfront.cli import completion, man
        from sipfront.cli.main import make_parser
        from sipfront.cli.tree import verbs
    except ImportError as error:
        sys.stderr.write(f"sipfront: no manual page and no completions are made: {error}\n")
        return []
    finally:
        sys.path.remove(str(ROOT))
    parser = make_parser()
    tree = verbs(parser)
    made = {
        "share/man/man1/sipfront.1": man.page(parser),
        "share/bash-completion/completions/sipfront": completion.bash(tree),
        "share/zsh/site-functions/_sipfront": completion.zsh(tree),
        "share/fish/vendor_completions.d/sipfront.fish": completion.fish(tree),
    }
    folder = Path("build") / "parser"
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [(str(Path(name).parent), [str(folder / name)]) for name in made]


setup(ext_modules=extensions(), cmdclass={"build_ext": Build}, data_files=from_the_parser())
