"""The house test: what holds for the source as a whole, found by reading it.

Imports go down only and nothing goes round; the lower floors are pure; files and functions stay
small; and a few constructions that have cost others dearly are not there at all.

Each exception is listed here with its reason, and a listed one that is not needed any more fails.
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "molva"

FLOORS: dict[str, set[str]] = {
    "terms": set(),
    "core": {"terms"},
    "wire": {"terms"},
    "store": {"terms"},
    "bus": {"terms"},
    "config": {"terms"},
    "server": {"terms", "core", "wire", "store", "bus", "config"},
    "client": {"terms", "wire"},
    "tui": {"terms", "wire", "client"},
    "admin": {"terms", "wire", "core", "store", "config", "server", "client"},
    "web": {"terms"},
    "sim": {"terms", "core", "wire", "store", "bus", "client"},
    "cli": {"terms", "wire", "store", "bus", "config", "server", "client", "tui", "web", "sim"}
    | {"admin"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""What each part of the house may import beside itself. A part that is not here fails."""

PURE = ("terms", "core", "wire")
PURE_IMPORTS = frozenset(
    "dataclasses enum typing collections collections.abc re bisect heapq functools itertools "
    "unicodedata msgspec".split()
)
"""All that the pure floors may import from elsewhere."""
PURE_EXTRAS = {"terms": {"precis_i18n"}, "core": {"ipaddress"}, "wire": set[str]()}
"""What one of them alone may import; nobody `random`, not even for a type. `ipaddress` parses, and
knows no network."""
IMPURE_CALLS = frozenset("open print input exec eval compile __import__ breakpoint".split())

TYPE_CHECKING_ONLY = {
    ("molva.core.session", "molva.core.accounts"): "a session knows its account and device",
    ("molva.core.session", "molva.core.conversation"): "and where it is attached",
}
"""Imports for the type checker alone, which may go round."""

FILE_LINES_MAX = 600
LONG_FILES = {
    "core/chat.py": (800, "what all handlers share: the order of replies in one place"),
    "terms/events.py": (800, "a vocabulary: each thing a client may be told, and its fields"),
    "client/mirror.py": (1200, "one state machine: what a client knows, moved by events"),
    "client/plain.py": (800, "the plain client: one screen and its commands"),
}
"""Files that are longer, with how long they may be and why."""
FUNCTION_LINES_MAX = 80
LONG_FUNCTIONS = {
    "cli.py: build": (150, "the commands with their options, each a function within it"),
}
GENERATED = {"terms/confusables.py"}

BANNED_NAMES = frozenset("util utils helper helpers manager managers common base misc".split())
BANNED_WORDS = re.compile(r"\b(TODO|FIXME)\b")

SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|REPLACE|PRAGMA|WHERE|VALUES|ORDER BY)\b")
SQL_FILLED = {
    "store/migrations.py: PRAGMA user_version = {number}": "a pragma takes no parameters",
    "store/transaction.py: DELETE FROM {table} WHERE account = ?": "a name of a tuple beside it",
    "store/transaction.py: DELETE FROM {table} WHERE conversation = ? AND account = ?": "the same",
}
"""SQL with something put in that is not a constant of ours."""

UNTESTED = {
    "terms/confusables.py": "a generated table; tests/terms/test_names.py uses it",
    "terms/entries.py": "structs alone",
    "terms/phrases/server.py": "a table; tests/terms/test_catalogue.py reads it",
    "terms/phrases/errors.py": "the same",
    "terms/phrases/admin.py": "the same",
    "terms/phrases/chat.py": "the same",
    "terms/ports.py": "structs and protocols alone; tests/store/test_conformance.py is their test",
    "core/effects.py": "structs alone",
    "core/places.py": "a part of registration; tests/core/test_registration.py asks for it",
    "store/transaction.py": "what sqlite.py commits; tests/store/test_conformance.py asks for it",
}
"""Files of the lower floors without a test file of their own."""


# -- Reading the source ------------------------------------------------------------------------


@cache
def files() -> tuple[Path, ...]:
    return tuple(sorted(PACKAGE.rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def short(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part(module: str) -> str:
    """Return which part of the house a module is in."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


@cache
def modules() -> frozenset[str]:
    return frozenset(map(module_name, files()))


def walk(path: Path) -> Iterator[tuple[ast.AST, bool]]:
    """Yield all nodes, and whether each is there for the type checker alone."""

    def go(node: ast.AST, typing_only: bool) -> Iterator[tuple[ast.AST, bool]]:
        yield node, typing_only
        for child in ast.iter_child_nodes(node):
            guarded = (
                isinstance(node, ast.If)
                and isinstance(node.test, ast.Name)
                and node.test.id == "TYPE_CHECKING"
                and child in node.body
            )
            yield from go(child, typing_only or guarded)

    return go(tree(path), False)


@cache
def imports(path: Path) -> tuple[tuple[str, int, bool], ...]:
    """Return what a file imports, wherever it does: module, line, for types only."""
    found = []
    for node, typing_only in walk(path):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno, typing_only) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import"
            assert node.module is not None
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                module = deeper if deeper in modules() else node.module
                found.append((module, node.lineno, typing_only))
    return tuple(found)


def ours(module: str) -> bool:
    return module == "molva" or module.startswith("molva.")


def each_file(check: Callable[[Path], Iterator[str]]) -> list[str]:
    """Return what a check finds, as `file:line: what`."""
    return [f"src/molva/{short(path)}:{found}" for path in files() for found in check(path)]


def none(found: list[str]) -> None:
    """Fail with all that was found."""
    assert not found, "\n".join(["", *found])


# -- Floors ------------------------------------------------------------------------------------


def test_every_part_of_the_house_has_its_floor() -> None:
    assert {part(module) for module in modules()} <= set(FLOORS)


def test_imports_go_down_only() -> None:
    def check(path: Path) -> Iterator[str]:
        here = part(module_name(path))
        for module, line, _ in imports(path):
            if ours(module) and part(module) not in FLOORS[here] | {here}:
                if (module, part(module)) == ("molva", "__init__"):
                    continue  # `from molva import __version__`
                yield f"{line}: {here} imports {module}"

    none(each_file(check))


def test_nothing_imports_the_program_itself() -> None:
    for path in files():
        assert not {"molva.cli", "molva.__main__"} & {m for m, _, _ in imports(path)} or (
            short(path) == "__main__.py"
        ), path


def test_pure_floors_import_a_listed_handful() -> None:
    def check(path: Path) -> Iterator[str]:
        here = part(module_name(path))
        if here in PURE:
            allowed = PURE_IMPORTS | PURE_EXTRAS[here]
            for module, line, _ in imports(path):
                if not ours(module) and module not in allowed:
                    yield f"{line}: imports {module}"

    none(each_file(check))


def test_pure_floors_do_nothing_but_think() -> None:
    def check(path: Path) -> Iterator[str]:
        if part(module_name(path)) not in PURE:
            return
        for node, _ in walk(path):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                    yield f"{node.lineno}: calls {name}()"
                case ast.AsyncFunctionDef() | ast.Await():
                    yield f"{node.lineno}: waits"

    none(each_file(check))


def test_nothing_goes_round() -> None:
    graph = {
        module_name(path): {m for m, _, typed in imports(path) if m in modules() and not typed}
        for path in files()
    }
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> None:
        assert module not in way, " -> ".join([*way[way.index(module) :], module])
        if module in done:
            return
        for other in sorted(graph[module] - {module}):
            visit(other, [*way, module])
        done.add(module)

    for module in sorted(graph):
        visit(module, [])


def test_imports_for_types_alone_are_listed() -> None:
    found = {
        (module_name(path), module)
        for path in files()
        for module, _, typing_only in imports(path)
        if typing_only and ours(module)
    }
    assert found == set(TYPE_CHECKING_ONLY)


# -- Sizes and names ---------------------------------------------------------------------------


def lines_of(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_files_are_short() -> None:
    def check(path: Path) -> Iterator[str]:
        most, _ = LONG_FILES.get(short(path), (FILE_LINES_MAX, ""))
        if lines_of(path) > most and short(path) not in GENERATED:
            yield f"1: {lines_of(path)} lines, {most} are allowed"

    none(each_file(check))


def test_every_long_file_listed_is_one() -> None:
    for name in LONG_FILES:
        assert lines_of(PACKAGE / name) > FILE_LINES_MAX, f"{name} is short again: take it out"


def test_functions_are_short() -> None:
    def check(path: Path) -> Iterator[str]:
        for node, _ in walk(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                size = node.end_lineno - node.lineno + 1
                name = f"{short(path)}: {node.name}"
                if size > LONG_FUNCTIONS.get(name, (FUNCTION_LINES_MAX, ""))[0]:
                    yield f"{node.lineno}: {node.name} has {size} lines"

    none(each_file(check))


def test_a_file_is_one_noun() -> None:
    for path in sorted(PACKAGE.rglob("*")):
        words = set(re.split(r"[._-]", path.name.lower()))
        assert not words & BANNED_NAMES, path


def test_everything_public_says_what_it_is() -> None:
    def check(path: Path) -> Iterator[str]:
        def ask(body: list[ast.stmt]) -> Iterator[str]:
            for node in body:
                if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                if node.name.startswith("_"):
                    continue
                if ast.get_docstring(node) is None:
                    yield f"{node.lineno}: {node.name} has no docstring"
                if isinstance(node, ast.ClassDef):
                    yield from ask(node.body)

        if ast.get_docstring(tree(path)) is None:
            yield "1: no docstring"
        yield from ask(tree(path).body)

    none(each_file(check))


def test_the_lower_floors_have_a_test_file_each() -> None:
    missing = []
    for floor in (*PURE, "store"):
        for path in sorted((PACKAGE / floor).glob("*.py")):
            if path.name == "__init__.py" or short(path) in UNTESTED:
                continue
            test = ROOT / "tests" / floor / f"test_{path.name}"
            if not test.is_file():
                missing.append(f"tests/{floor}/test_{path.name}")
    none(missing)


def test_everything_listed_as_untested_is_there_and_is() -> None:
    for name in UNTESTED:
        floor, _, file = name.partition("/")
        assert (PACKAGE / name).is_file(), name
        assert not (ROOT / "tests" / floor / f"test_{file}").exists(), f"{name} is tested: good"


# -- What is not written here ------------------------------------------------------------------


def is_named(call: ast.Call, name: str) -> bool:
    return (isinstance(call.func, ast.Attribute) and call.func.attr == name) or (
        isinstance(call.func, ast.Name) and call.func.id == name
    )


def test_lines_end_at_newlines_only() -> None:
    """`splitlines` also splits at U+2028, U+0085, form feeds and others, which texts may hold."""

    def check(path: Path) -> Iterator[str]:
        for node, _ in walk(path):
            if isinstance(node, ast.Call) and is_named(node, "splitlines"):
                yield f"{node.lineno}: splitlines"

    none(each_file(check))


def test_no_text_becomes_markup() -> None:
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path.suffix in (".py", ".js", ".html", ".mjs", ".ts"):
            assert "innerHTML" not in path.read_text(encoding="utf-8"), path


def test_no_error_is_swallowed_unseen() -> None:
    def check(path: Path) -> Iterator[str]:
        for node, _ in walk(path):
            if not isinstance(node, ast.ExceptHandler):
                continue
            if node.type is None:
                yield f"{node.lineno}: a bare except"
            broad = isinstance(node.type, ast.Name) and node.type.id in (
                "Exception",
                "BaseException",
            )
            if broad and all(isinstance(s, ast.Pass | ast.Continue | ast.Expr) for s in node.body):
                quiet = [s for s in node.body if isinstance(s, ast.Expr)]
                if all(isinstance(s.value, ast.Constant) for s in quiet):
                    yield f"{node.lineno}: any error is passed over"

    none(each_file(check))


def test_every_task_has_a_name() -> None:
    def check(path: Path) -> Iterator[str]:
        for node, _ in walk(path):
            if isinstance(node, ast.Call):
                if is_named(node, "ensure_future"):
                    yield f"{node.lineno}: ensure_future"
                names = {keyword.arg for keyword in node.keywords}
                if is_named(node, "create_task") and "name" not in names:
                    yield f"{node.lineno}: a task without a name"

    none(each_file(check))


def _is_constant_name(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return bool(re.fullmatch(r"_?[A-Z][A-Z0-9_]*", name))


def _literal(node: ast.AST) -> str:
    texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
    return " ".join(text for text in texts if isinstance(text, str))


def test_no_value_is_written_into_sql() -> None:
    """Values go in as parameters; only constants of the module may be put into the text."""
    used = set()

    def check(path: Path) -> Iterator[str]:
        for node, _ in walk(path):
            match node:
                case ast.JoinedStr(values=values) if SQL.search(_literal(node)):
                    put_in = [v.value for v in values if isinstance(v, ast.FormattedValue)]
                    if not all(map(_is_constant_name, put_in)):
                        text = f"{short(path)}: {ast.unparse(node)[2:-1]}"
                        used.add(text)
                        if text not in SQL_FILLED:
                            yield f"{node.lineno}: {text}"
                case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str(sql))) if SQL.search(sql):
                    yield f"{node.lineno}: % in SQL"
                case ast.Call(
                    func=ast.Attribute(attr="format", value=ast.Constant(value=str(sql)))
                ) if SQL.search(sql):
                    yield f"{node.lineno}: format() in SQL"
                case ast.Call(func=ast.Attribute(attr=name), args=[ast.BinOp(), *_]) if (
                    name.startswith("execute")
                ):
                    yield f"{node.lineno}: SQL put together in {name}()"

    none(each_file(check))
    assert used == set(SQL_FILLED)


def test_nothing_is_left_to_do_in_a_comment() -> None:
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path.suffix not in (".pyc",):
            found = BANNED_WORDS.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path}: {found}"


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_generated_files_say_so(name: str) -> None:
    text = ast.get_docstring(tree(PACKAGE / name)) or ""
    assert "GENERATED" in text
