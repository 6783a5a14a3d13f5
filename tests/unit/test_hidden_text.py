"""What a page hides from its readers is no evidence, and what they see is never lost."""

import io
import zipfile

import pytest

from ingest.loaders import load_bytes


def page(style, body, head=""):
    return load_bytes(
        f"<html><head>{head}<style>{style}</style></head><body><p>Fee.</p>{body}</body></html>".encode(), "a.html"
    )


HIDING = [
    "display:none",
    "DISPLAY : NONE !important",
    "d\\69splay:none",
    "visibility:hidden",
    "opacity:0.0",
    "font-size:0",
    "font-size:1px",
    "font-size:.05em",
    "font:0/0 a",
    "color:white",
    "color:#fff",
    "color:#FEFEFE",
    "color:rgb(255,255,255)",
    "color:rgb(100% 100% 100%)",
    "color:rgba(0,0,0,0)",
    "color:hsl(0,0%,100%)",
    "color:transparent",
    "color:#222;background:#222",
    "position:absolute;left:-9999px",
    "position:absolute;top:-9999px",
    "position:fixed;left:-999em",
    "text-indent:-9999px",
    "margin-left:-10000px",
    "height:0;overflow:hidden",
    "max-height:0;overflow:hidden",
    "width:1px;height:1px;overflow:hidden",
    "position:absolute;clip:rect(0,0,0,0)",
    "position:absolute;clip:rect(1px 1px 1px 1px)",
    "clip-path:inset(50%)",
    "transform:scale(0)",
    "transform:translateX(-9999px)",
]


@pytest.mark.parametrize("style", HIDING)
def test_text_that_a_style_hides_is_left_out_and_counted(style):
    inline = page("", f'<div style="{style}">SECRET</div>')
    by_class = page(f".x{{{style}}}", '<div class="a x">SECRET</div>')
    around = page(f"#x{{{style}}}", '<div id="x"><b>SEC</b>RET</div>')
    for document in (inline, by_class, around):
        assert document.text == "Fee.\n\n"[: len(document.text)]
        assert document.warnings == ("left out 6 characters that a reader does not see",)


@pytest.mark.parametrize(
    ("style", "body"),
    [
        ("p.x, td.y{display:none}", '<p class="x">SECRET</p>'),
        ("div .x b{display:none}", '<div><p class="x">a <b>SECRET</b></p></div>'),
        ("div>.x{display:none}", '<div><p class="x">SECRET</p></div>'),
        ("aside{display:none}", "<aside>SECRET</aside>"),
        ("[data-x='1']{display:none}", '<p data-x="1">SECRET</p>'),
        ("p:not(.y).x{display:none}", '<p class="x">SECRET</p>'),
        ("<!-- /* } */ .x{color:red;display:none} -->", '<p class="x">SECRET</p>'),
        ("@import 'gone.css'; @media screen{.x{display:none}}", '<p class="x">SECRET</p>'),
        ("@supports (display:grid){.x{display:none}}", '<p class="x">SECRET</p>'),
        (".x{display:none", '<p class="x">SECRET</p>'),
        (".x{display:block}.x.x{display:none}", '<p class="x">SECRET</p>'),
        (".x{display:none!important}", '<p class="x" style="display:block">SECRET</p>'),
        (".x{visibility:hidden}", '<p class="x">SECRET <b>SECRET</b></p>'),
        (".x{font-size:0}", '<table><tr><td>a</td><td class="x">SECRET</td></tr></table>'),
        ("body{background:#123456}.x{color:#123456}", '<p class="x">SECRET</p>'),
        ("", "<font color=white>SECRET</font>"),
        ("", "<table bgcolor=#336699><tr><td><font color=336699>SECRET</font></td></tr></table>"),
        ("", '<div style="background:black"><p style="background:#fff"><span style="color:white">SECRET</span></p></div>'),
        ("", '<div style="background:black"><p style="color:black">SECRET</p></div>'),
        ("", '<div style="color:white"><p>SECRET</p></div>'),
    ],
)
def test_selectors_and_colours_are_resolved_as_a_browser_does(style, body):
    document = page(style, body)
    assert "SECRET" not in document.text
    assert document.text.startswith("Fee.")
    assert document.warnings[-1].startswith("left out ")


SEEN = [
    ("", '<div style="background:#123"><p style="color:white">SEEN</p></div>'),
    (".d{background-color:black}", '<div class="d"><table><tr><td style="color:#fff">SEEN</td></tr></table></div>'),
    ("body{background:#000;color:#fff}", "<p>SEEN</p>"),
    ("html{background:navy}", '<p style="color:white">SEEN</p>'),
    ("", '<table bgcolor="#000080"><tr><td><font color="white">SEEN</font></td></tr></table>'),
    ("", '<div style="background:url(sky.jpg)"><p style="color:white">SEEN</p></div>'),
    ("", '<div style="background:linear-gradient(red,blue)"><p style="color:white">SEEN</p></div>'),
    (":root{--b:#111}body{background:var(--b)}", '<p style="color:white">SEEN</p>'),
    ("", '<div style="background:rgba(0,0,0,.6)"><p style="color:white">SEEN</p></div>'),
    ("", '<div><img src="a.png"><span style="position:absolute;color:white">SEEN</span></div>'),
    (".d{color:white}", '<p class="d"><a href="x">SEEN</a></p>'),
    (".d{color:white}", '<p class="d"><mark>SEEN</mark></p>'),
    (".d{color:white}", '<p class="d"><b style="color:black">SEEN</b></p>'),
    ("h1{color:transparent;background:linear-gradient(red,blue);background-clip:text}", "<h1>SEEN</h1>"),
    ("h1{color:white;text-shadow:1px 1px 2px black}", "<h1>SEEN</h1>"),
    (".x{display:none}", '<p class="x" style="display:block">SEEN</p>'),
    (".x{display:none}.x.y{display:flex}", '<p class="x y">SEEN</p>'),
    ("p.x{display:none}.x{display:block!important}", '<p class="x">SEEN</p>'),
    (".x{display:none}", '<p class="xy">SEEN</p>'),
    ("div.x{display:none}", '<p class="x">SEEN</p>'),
    ("div > .x{display:none}", '<div><section><p class="x">SEEN</p></section></div>'),
    (".x:hover{display:none}", '<p class="x">SEEN</p>'),
    (".x::before{display:none}", '<p class="x">SEEN</p>'),
    ("h1 + .x{display:none}", '<p class="x">SEEN</p>'),
    (".x:nth-child(7){display:none}", '<p class="x">SEEN</p>'),
    (".x:not(.y){display:none}", '<p class="x y">SEEN</p>'),
    ("@media print{.x{display:none}}", '<p class="x">SEEN</p>'),
    ("@media (max-width:600px){.x{display:none}}", '<p class="x">SEEN</p>'),
    (".x{display:none}@media (min-width:600px){.x{display:block}}", '<p class="x">SEEN</p>'),
    ("@font-face{font-family:x}@page{margin:0}.x{color:red}", '<p class="x">SEEN</p>'),
    ("/* .x{display:none} */", '<p class="x">SEEN</p>'),
    (".x{color:red;.y{display:none}} .z{color:blue}", '<p class="x">SEEN</p>'),
    (".x{font-size:0}.x b{font-size:16px}", '<p class="x"><b>SEEN</b></p>'),
    (".x{visibility:hidden}", '<p class="x"><b style="visibility:visible">SEEN</b></p>'),
    (".x{opacity:0;animation:show 1s forwards}@keyframes show{to{opacity:1}}", '<p class="x">SEEN</p>'),
    ("", '<p style="left:-9999px">SEEN</p>'),
    ("", '<p style="position:absolute;left:-20px">SEEN</p>'),
    ("", '<p style="text-indent:-2em">SEEN</p>'),
    ("", '<p style="height:0">SEEN</p>'),
    ("", '<span style="height:0;overflow:hidden">SEEN</span>'),
    ("", '<table><tr><td style="height:1px;overflow:hidden">SEEN</td></tr></table>'),
    ("", '<div style="height:0;padding-bottom:56%;overflow:hidden">SEEN</div>'),
    ("", '<p style="position:absolute;clip:rect(0,200px,40px,0)">SEEN</p>'),
    ("", '<p style="transform:scale(0.9) translateX(-50%)">SEEN</p>'),
    ("", '<p style="font-size:8px;opacity:.4;line-height:0">SEEN</p>'),
    ("", '<p style="font:700 14px/0 Arial">SEEN</p>'),
    ("body{opacity:0;visibility:hidden}", "<p>SEEN</p>"),
    ("body{display:none!important}", "<p>SEEN</p>"),
]


@pytest.mark.parametrize(("style", "body"), SEEN)
def test_text_that_a_reader_sees_is_kept(style, body):
    document = page(style, body)
    assert "SEEN" in document.text
    assert document.warnings == ()


def test_what_lies_behind_the_text_is_unknown_where_a_linked_style_sheet_is_not_there():
    link = '<link rel="stylesheet" href="site.css">'
    assert "SEEN" in page("", '<header style="color:white">SEEN</header>', link).text
    assert "SECRET" not in page(".x{display:none}", '<p class="x">SECRET</p>', link).text
    printed = '<link rel="stylesheet" media="print" href="site.css">'
    assert "SECRET" not in page("", '<p style="color:white">SECRET</p>', printed).text


def test_style_sheets_in_a_book_are_evaluated_and_none_outside_of_it():
    container = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    opf = """<package><manifest><item id="a" href="text/a.xhtml"/></manifest><spine><itemref idref="a"/></spine></package>"""
    links = "".join(f'<link rel="stylesheet" href="{href}"/>' for href in ("../css/a%20b.css", "http://x.test/c.css"))
    body = '<p>Fee.</p><p class="x">SECRET1</p><p class="y">SECRET2</p><p class="z">Shown.</p>'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("OEBPS/book.opf", opf)
        archive.writestr("OEBPS/text/a.xhtml", f"<html><head>{links}</head><body>{body}</body></html>")
        archive.writestr("OEBPS/css/a b.css", '@import url("more.css");\n.x{display:none}')
        archive.writestr("OEBPS/css/more.css", ".y{font-size:0}")
    document = load_bytes(buffer.getvalue(), "a.epub")
    assert document.text == "Fee.\n\nShown.\n"
    assert document.warnings == ("left out 14 characters that a reader does not see",)


def test_the_page_of_a_mail_hides_as_any_other():
    markup = "<style>.pre{display:none}</style><p>Fee.</p><div class='pre'>SECRET</div>"
    mail = f"From: a@x.test\nSubject: Fees\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n{markup}"
    document = load_bytes(mail.encode(), "a.eml")
    assert "SECRET" not in document.text
    assert "left out 6 characters that a reader does not see" in document.warnings
