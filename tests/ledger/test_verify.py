"""Any change of an exported ledger is found, and the first bad entry is named (issue, bar 9; T27)."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cicatrix.core.merkle import Tree, leaf_hash
from cicatrix.core.operations import OperationState
from cicatrix.ledger import Ledger, export_lines
from cicatrix.ledger.verify import HeadFile, read_head, verify
from tests.ledger.helpers import Clock, intend, open_ledger, operation, settle

Lines = list[str]
SIZE = 12


def grown(ledger: Ledger, clock: Clock) -> list[tuple[Lines, HeadFile]]:
    """Exports of a real ledger at every size from 1 to SIZE, each with its head."""
    states: list[tuple[Lines, HeadFile]] = []
    for n in range(SIZE):
        clock.move(seconds=1)
        if n % 2 == 0:
            intend(ledger, operation(f"op{n}", run_id=str(n), head_sha=f"{n:040x}"))
        else:
            settle(ledger, f"op{n - 1}", OperationState.CONFIRMED, answer=f"201 ünïcode \u2028 {n}")
        with ledger.read() as view:
            states.append((list(export_lines(view.entries())), read_head(view.head().as_json())))
    return states


@pytest.fixture
def states(ledger: Ledger, clock: Clock) -> list[tuple[Lines, HeadFile]]:
    return grown(ledger, clock)


def recomputed(entries: list[str], *, renumber: bool) -> Lines:
    """What someone who rewrites history would publish: every hash, and if wanted every index, computed anew."""
    tree, lines = Tree(), []
    for position, entry in enumerate(entries):
        text = entry
        if renumber:
            data = json.loads(entry)
            data["index"] = position
            text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        hashed = leaf_hash(text.encode())
        tree.append(hashed)
        fields = {"index": position, "leafHash": hashed.hex(), "entry": text, "rootAfter": tree.root().hex()}
        lines.append(json.dumps(fields, separators=(",", ":")) + "\n")
    return lines


def change_a_byte(draw: random.Random, text: str) -> str:
    at = draw.randrange(len(text))
    return text[:at] + draw.choice('abcdef0123456789 "\\{}[],:é') + text[at + draw.randint(0, 1) :]


def change_a_value(draw: random.Random, entry: str) -> str:
    data = json.loads(entry)
    name = draw.choice(sorted(data.keys() - {"index"}))
    data[name] = draw.choice(["forged", 7, None, [], {"deep": "x"}])
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def edit(draw: random.Random, items: list[str], change: Callable[[random.Random, str], str]) -> list[str]:
    """One random edit: edit, delete, insert, reorder, swap, or cut the tail."""
    items = list(items)
    at = draw.randrange(len(items))
    match draw.choice(["edit", "delete", "insert", "reorder", "swap", "cut"]):
        case "edit":
            items[at] = change(draw, items[at])
        case "delete":
            del items[at]
        case "insert":
            items.insert(draw.randint(0, len(items)), draw.choice([items[at], change(draw, items[at])]))
        case "reorder":
            start = draw.randrange(len(items))
            part = items[start:]
            draw.shuffle(part)
            items[start:] = part
        case "swap":
            other = draw.randrange(len(items))
            items[at], items[other] = items[other], items[at]
        case _:
            del items[at:]
    return items


def first_difference(one: Lines, two: Lines) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


@pytest.mark.shows("LG-8", "T27")
def test_ten_thousand_random_edits_are_all_found_and_the_first_bad_entry_is_named(
    states: list[tuple[Lines, HeadFile]],
) -> None:
    seed = 20261121
    print(f"seed {seed}")
    draw = random.Random(seed)
    edits = named_by_a_bare_head = 0
    while edits < 10_000:
        clean, head = draw.choice(states)
        if draw.random() < 0.5:
            changed = edit(draw, clean, change_a_byte)
        else:
            texts = [json.loads(line)["entry"] for line in clean]
            changed = recomputed(edit(draw, texts, change_a_value), renumber=draw.random() < 0.7)
        if changed == clean or [line.removesuffix("\n") for line in changed] == [line[:-1] for line in clean]:
            continue
        edits += 1
        found = verify(changed, head)
        expected = first_difference(clean, changed)
        assert (found.ok, found.first_bad) == (False, expected), (found, changed, clean)
        assert found.problem.startswith(f"entry {expected} ")
        bare = verify(changed, HeadFile(size=head.size, root=head.root))
        assert not bare.ok
        assert bare.problem
        named_by_a_bare_head += bare.first_bad is not None
    assert named_by_a_bare_head > edits / 2


@pytest.mark.shows("LG-8")
def test_clean_exports_verify(states: list[tuple[Lines, HeadFile]]) -> None:
    for lines, head in states:
        assert verify(lines, head).ok
        assert verify(iter(lines), HeadFile(size=head.size, root=head.root)).size == len(lines)
        assert verify([line.rstrip("\n") for line in lines], head).ok
    assert verify([], HeadFile(size=0, root=Tree().root().hex())).ok


@pytest.mark.shows("LG-8", "T27")
def test_a_cut_tail_is_found_even_when_the_rest_is_sound(states: list[tuple[Lines, HeadFile]]) -> None:
    lines, head = states[-1]
    found = verify(lines[:-2], head)
    assert (found.ok, found.first_bad) == (False, SIZE - 2)
    assert "is missing" in found.problem


def test_an_export_longer_than_its_head_is_not_vouched_for(states: list[tuple[Lines, HeadFile]]) -> None:
    found = verify(states[-1][0], states[3][1])
    assert (found.ok, found.first_bad) == (False, 4)
    assert "not covered by the head" in found.problem


def test_a_head_without_leaf_prefixes_finds_a_full_rewrite_but_cannot_place_it(
    states: list[tuple[Lines, HeadFile]],
) -> None:
    lines, head = states[-1]
    texts = [json.loads(line)["entry"] for line in lines]
    texts[5] = texts[5].replace("CONFIRMED", "REFUSED")
    rewritten = recomputed(texts, renumber=False)
    assert verify(rewritten, head).first_bad == 5
    bare = verify(rewritten, HeadFile(size=head.size, root=head.root))
    assert (bare.ok, bare.first_bad) == (False, None)
    assert "cannot be named" in bare.problem


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"index":1,', '"index":true,'),
        ('"index":1,', '"index":1.0,'),
        ('"index":1,', '"index": 1,'),
        ('"index":1,', '"index":1,"note":"x",'),
        ('"index":1,', '"index":1,"index":1,'),
        ('"entry":"{', '"entry":"\\u007b'),
        ("}\n", "}\r\n"),
        ("}\n", "}\n\n"),
    ],
)
def test_a_line_that_only_reads_the_same_is_bad_too(states: list[tuple[Lines, HeadFile]], old: str, new: str) -> None:
    lines, head = states[-1]
    assert old in lines[1]
    changed = [lines[0], lines[1].replace(old, new, 1), *lines[2:]]
    assert verify(changed, head).first_bad == 1


@pytest.mark.parametrize("line", ["", "null", "[]", "not json", "[" * 100_000, '{"index":0}'])
def test_anything_else_than_an_export_is_bad_at_its_line(states: list[tuple[Lines, HeadFile]], line: str) -> None:
    lines, head = states[-1]
    found = verify([lines[0], line, *lines[2:]], head)
    assert (found.ok, found.first_bad) == (False, 1)


def test_an_entry_that_is_not_unicode_or_bears_no_index_is_bad(states: list[tuple[Lines, HeadFile]]) -> None:
    head = states[0][1]
    for entry, why in (('{"index":0,"x":"\ud800"}', "not Unicode"), ("{}", "another index"), ("[", "another index")):
        fields = {"index": 0, "leafHash": "0" * 64, "entry": entry, "rootAfter": "0" * 64}
        found = verify([json.dumps(fields, separators=(",", ":"))], head)
        assert found.first_bad == 0
        assert why in found.problem


def test_the_export_holds_index_leaf_hash_entry_and_root_after_it(states: list[tuple[Lines, HeadFile]]) -> None:
    for lines, head in states:
        last = json.loads(lines[-1])
        assert list(last) == ["index", "leafHash", "entry", "rootAfter"]
        assert last["rootAfter"] == head.root
        assert all(line.isascii() and line.endswith("\n") for line in lines)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"size":true,"root":"' + "0" * 64 + '"}', "`size`"),
        ('{"size":-1,"root":"' + "0" * 64 + '"}', "`size`"),
        ('{"size":1,"root":"abc"}', "`root`"),
        ('{"size":1}', "`root`"),
        ('{"size":1,"root":"' + "0" * 64 + '","leafPrefixes":"!!"}', "not base64"),
        ('{"size":1,"root":"' + "0" * 64 + '","leafPrefixes":7}', "not base64"),
        ('{"size":1,"root":"' + "0" * 64 + '","leafPrefixes":"AAAA"}', "holds 3 bytes, 8 are due"),
    ],
)
def test_a_damaged_head_file_is_explained(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_head(text)


def test_a_head_may_hold_size_and_root_alone() -> None:
    assert read_head('{"size":0,"root":"' + "0" * 64 + '"}') == HeadFile(size=0, root="0" * 64)


@pytest.mark.shows("T27", "T29")
def test_a_row_changed_in_the_file_itself_is_found(path: Path, ledger: Ledger, clock: Clock) -> None:
    _, head = grown(ledger, clock)[-1]
    ledger.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        ((guard,),) = owner.execute("SELECT sql FROM sqlite_master WHERE name = 'entries_no_update'")
        owner.execute("DROP TRIGGER entries_no_update")
        owner.execute("UPDATE entries SET entry = replace(entry, 'CONFIRMED', 'REFUSED') WHERE idx = 7")
        owner.execute(guard)
    again = open_ledger(path)
    with again.read() as view:
        found = verify(export_lines(view.entries()), head)
    again.close()
    assert (found.ok, found.first_bad) == (False, 7)


@pytest.mark.shows("LG-8")
def test_the_verifier_loads_neither_the_database_nor_the_rest_of_the_ledger() -> None:
    script = "import sys, cicatrix.ledger.verify; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in loaded if name.startswith("cicatrix")}
    assert ours == {"cicatrix", "cicatrix.core", "cicatrix.core.merkle", "cicatrix.ledger", "cicatrix.ledger.verify"}
    assert not {"sqlalchemy", "alembic", "rfc8785", "sqlite3"} & set(loaded)
