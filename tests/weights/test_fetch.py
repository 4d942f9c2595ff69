"""Known files downloaded from a server on this machine that cuts, redirects, lies, or is not there."""

import contextlib
import hashlib
import io
import os
import socket
import threading
import time
import urllib.error
import urllib.request

import local_server as web
import pytest
from downloads import CONTENT, SHA256, known, refused

from keras_resnet.errors import WeightsError
from keras_resnet.weights import download, fetch, fetching, known_files


def part_of(cache, content):
    """A download that stopped."""
    cache.mkdir(parents=True)
    (cache / "tiny.h5.part").write_bytes(content)
    return cache / "tiny.h5.part"


def test_a_whole_file_arrives_in_the_cache_and_nothing_else(site, cache, capsys):
    path = fetch("tiny")
    assert path == cache / "tiny.h5" and path.read_bytes() == CONTENT
    assert os.listdir(cache) == ["tiny.h5"]
    assert site.seen == [("/file.h5", None)]
    assert f"Downloading tiny from {site.url()}" in capsys.readouterr().err


def test_a_folder_and_another_url_can_be_given(site, cache, tmp_path):
    assert fetch("tiny", tmp_path / "mine", url=site.url("/mirror")) == tmp_path / "mine" / "tiny.h5"
    assert site.seen == [("/mirror", None)] and not cache.exists()


def test_a_cut_download_goes_on_where_it_stopped(site):
    site.plan = [web.cut(60_000), web.cut(1_000), web.whole]
    assert fetch("tiny").read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=60000-", "bytes=61000-"]


def test_a_download_cut_at_every_attempt_is_kept_for_the_next_run(site, cache):
    site.plan = [web.cut(10_000)]
    message = refused()
    assert "stopped 4 times" in message and "ended after 40,000 of 150,000 bytes" in message
    assert f"40,000 bytes are in {cache / 'tiny.h5.part'}: run again to go on from there" in message
    assert (cache / "tiny.h5.part").read_bytes() == CONTENT[:40_000]
    site.plan = [web.whole]
    assert fetch("tiny").read_bytes() == CONTENT
    assert site.ranges[-1] == "bytes=40000-" and os.listdir(cache) == ["tiny.h5"]


def test_a_server_that_falls_silent_is_left_and_asked_again(site, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)

    def silent(handler, content):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:5_000])
        time.sleep(1)

    site.plan = [silent, web.whole]
    assert fetch("tiny").read_bytes() == CONTENT
    assert len(site.seen) == 2


def test_redirections_are_followed_and_ranges_with_them(site, cache):
    part_of(cache, CONTENT[:20_000])
    site.plan = [web.redirect("/moved"), web.redirect(site.url("/again")), web.whole]
    assert fetch("tiny").read_bytes() == CONTENT
    assert site.seen == [(path, "bytes=20000-") for path in ("/file.h5", "/moved", "/again")]


def test_a_redirection_leads_to_no_file_and_out_of_no_encryption(site):
    site.plan = [web.redirect("file:///etc/hostname")]
    assert "is not allowed" in refused()
    request = urllib.request.Request("https://example.org/file.h5")
    with pytest.raises(urllib.error.URLError, match="redirects from https to http://example.org/file.h5"):
        download._Redirection().redirect_request(request, None, 302, "Found", {}, "http://example.org/file.h5")


def test_a_server_without_ranges_is_taken_from_the_beginning(site, cache):
    part_of(cache, b"something else")
    site.plan = [web.without_ranges]
    assert fetch("tiny").read_bytes() == CONTENT
    assert site.ranges == ["bytes=14-"]


def test_another_range_than_was_asked_for_is_not_taken(site, cache):
    part_of(cache, CONTENT[:5_000])
    site.plan = [web.another_range, web.whole]
    assert fetch("tiny").read_bytes() == CONTENT
    assert site.ranges == ["bytes=5000-", None]


def test_a_complete_part_is_checked_and_named(site, cache):
    part_of(cache, CONTENT)
    assert fetch("tiny").read_bytes() == CONTENT
    assert site.ranges == ["bytes=150000-"] and os.listdir(cache) == ["tiny.h5"]


def test_a_part_longer_than_the_file_is_begun_again(site, cache):
    part_of(cache, CONTENT + b"more")
    assert fetch("tiny").read_bytes() == CONTENT
    assert site.ranges == ["bytes=150004-", None]


def test_wrong_bytes_are_removed_and_both_hashes_said(site, cache):
    other = site.content = b"\x89HDF\r\n\x1a\n" + CONTENT
    message = refused()
    assert f"expected sha256 {SHA256}, received {hashlib.sha256(other).hexdigest()}" in message
    assert "it is an HDF5 file, of 150,008 bytes: it has been removed; run again" in message
    assert os.listdir(cache) == []


def test_a_wrong_beginning_shows_in_the_hash(site, cache):
    part_of(cache, b"x" * 1_000)
    assert "expected sha256" in refused() and os.listdir(cache) == []
    assert fetch("tiny").read_bytes() == CONTENT


def test_an_html_page_is_said_to_be_one_and_costs_no_part(site, cache):
    part = part_of(cache, CONTENT[:7_000])
    site.plan = [web.page]
    assert "the server sent an HTML page" in refused()
    assert part.read_bytes() == CONTENT[:7_000] and len(site.seen) == 1


def test_an_html_page_that_calls_itself_data_is_said_to_be_one_too(site, cache):
    site.plan = [lambda handler, content: web.page(handler, content, kind="application/octet-stream")]
    message = refused()
    assert "it is an HTML page (a login or error page saved under this name?), of 48 bytes" in message
    assert os.listdir(cache) == []


def test_a_missing_file_is_asked_for_once(site, cache):
    site.plan = [web.status(404)]
    message = refused()
    assert f"tiny cannot be downloaded from {site.url()}: the server answers 404 Not Found" in message
    assert len(site.seen) == 1 and os.listdir(cache) == []


def test_a_busy_server_is_asked_again(site):
    site.plan = [web.status(503), web.status(429), web.whole]
    assert fetch("tiny").read_bytes() == CONTENT
    site.plan = [web.status(500)]
    assert "the server answers 500 Internal Server Error" in refused(folder=site_folder(site))


def site_folder(site):
    return os.environ["KERAS_HOME"] + "/elsewhere"


def test_without_a_connection_the_error_says_what_to_put_where(site, cache, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/file.h5"
    monkeypatch.setitem(known_files.KNOWN_FILES, "tiny", known(url))
    message = refused()
    assert f"tiny cannot be downloaded from {url}: Connection refused" in message
    assert message.endswith(f"without a connection, put the file (sha256 {SHA256}) at {cache / 'tiny.h5'} by other means")
    assert os.listdir(cache) == []
    (cache / "tiny.h5").write_bytes(CONTENT)
    assert fetch("tiny") == cache / "tiny.h5"


def test_a_file_that_is_there_is_checked_and_not_downloaded(site, cache):
    cache.mkdir(parents=True)
    (cache / "tiny.h5").write_bytes(CONTENT)
    assert fetch("tiny") == cache / "tiny.h5" and site.seen == []
    (cache / "tiny.h5").write_bytes(CONTENT[:-1])
    message = refused()
    assert f"{cache / 'tiny.h5'} is not tiny: expected sha256 {SHA256}, received " in message
    assert "of 149,999 bytes: delete it and run again" in message and site.seen == []


def test_what_keras_has_downloaded_is_used_if_it_is_the_same_file(site, cache, tmp_path):
    cache.mkdir(parents=True)
    kerass = tmp_path / "models" / "file.h5"
    kerass.write_bytes(CONTENT)
    assert fetch("tiny") == kerass and site.seen == []
    kerass.write_bytes(b"Chollet's and Keras's files share a name")
    assert fetch("tiny") == cache / "tiny.h5" and len(site.seen) == 1


def test_two_names_of_one_file_cost_one_download(site, monkeypatch):
    monkeypatch.setitem(known_files.KNOWN_FILES, "twin", known(site.url(), name="twin"))
    assert fetch("twin") == fetch("tiny") and len(site.seen) == 1


def test_the_first_digits_of_a_hash_are_compared_where_no_more_are_published(site, monkeypatch):
    monkeypatch.setitem(known_files.KNOWN_FILES, "tiny", known(site.url(), ("sha256", SHA256[:8])))
    assert fetch("tiny").read_bytes() == CONTENT
    monkeypatch.setitem(known_files.KNOWN_FILES, "tiny", known(site.url(), ("md5", "0" * 32)))
    assert f"expected md5 {'0' * 32}, received {hashlib.md5(CONTENT).hexdigest()}" in refused()


@pytest.mark.parametrize("declared", ["length", "range", "nothing"])
def test_a_server_that_sends_more_than_the_file_has_is_stopped(site, cache, monkeypatch, declared):
    monkeypatch.setattr(fetching, "_most", lambda row: len(CONTENT) + 1000)
    sent = []

    def endless(handler, content):
        if declared == "range":
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes 10-{len(content) - 1}/{len(content)}")
        else:
            handler.send_response(200)
        if declared == "length":
            handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        with contextlib.suppress(OSError):
            while len(sent) < 2000:
                handler.wfile.write(bytes(1 << 16))
                sent.append(1)

    if declared == "range":
        part_of(cache, CONTENT[:10])
    site.plan = [endless]
    message = refused()
    most = len(CONTENT) + 1000 * (declared != "range")
    assert (
        f"tiny cannot be downloaded from {site.url()}: the server sends more than {most:,} bytes, which the file has" in message
    )
    assert os.listdir(cache) == [] and len(site.seen) == 1 and len(sent) < 1000  # 64 MB


def test_no_known_file_is_larger_than_it_may_be(site):
    for row in known_files.KNOWN_FILES.values():
        assert fetching._most(row) > 1.2e6 * row.megabytes


@pytest.mark.parametrize("make", [lambda part, theirs: part.symlink_to(theirs), lambda part, theirs: os.link(theirs, part)])
def test_a_part_that_is_a_link_is_never_written_to(site, cache, tmp_path, make):
    cache.mkdir(parents=True)
    (tmp_path / "theirs").write_bytes(b"theirs")
    make(cache / "tiny.h5.part", tmp_path / "theirs")
    assert "which may belong to somebody else; delete it and run again" in refused()
    assert (tmp_path / "theirs").read_bytes() == b"theirs" and site.seen == []


def test_what_a_server_says_is_escaped(site, capsys):
    def answer(handler, content):
        handler.wfile.write(b"HTTP/1.0 404 gone\x1b[2J\x07\r\n\r\n")

    site.plan = [answer]
    assert r"the server answers 404 gone\x1b[2J\x07" in refused()
    site.plan = [web.redirect("http://127.0.0.1:1/\x1b[2J")]
    refused(url=site.url("/\x1b[2J"))
    assert "\x1b" not in capsys.readouterr().err


def test_two_at_once_download_once(site, cache):
    def slow(handler, content):
        time.sleep(0.5)
        web.whole(handler, content)

    site.plan = [slow]
    paths = []
    threads = [threading.Thread(target=lambda: paths.append(fetch("tiny"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() for path in paths] == [CONTENT] * 3
    assert len(site.seen) == 1 and os.listdir(cache) == ["tiny.h5"]


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/file.h5", "/etc/hostname"])
def test_other_urls_are_refused(site, url):
    assert refused(url=url) == f"tiny: expected a url of http or https, received {url}"


def test_an_unknown_name_is_answered_with_the_closest(site):
    with pytest.raises(
        WeightsError, match="Unknown weight file: received 'resnet50_cholet'; expected one of 'resnet50_chollet'"
    ):
        fetch("resnet50_cholet")
    with pytest.raises(WeightsError) as caught:
        fetch("resnet50")
    message = str(caught.value)
    names = message.partition("expected one of ")[2].partition(": ")[0].split(", ")
    assert len(set(names)) == 10 and all(name.startswith("'resnet") for name in names)
    assert message.endswith(f"the closest of {len(known_files.KNOWN_FILES)}, all of which `keras-resnet weights list` shows")


def test_a_folder_that_cannot_be_is_one_line(site, tmp_path):
    (tmp_path / "taken").write_text("a file")
    assert "tiny cannot be kept at" in refused(folder=tmp_path / "taken" / "deep")
    assert "File exists" in refused(folder=tmp_path / "taken")
    (tmp_path / "mine" / "tiny.h5").mkdir(parents=True)
    assert "is a folder; expected the file tiny" in refused(folder=tmp_path / "mine")


def test_progress_is_said_once_a_second_on_a_terminal_and_sparsely_in_a_log(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(fetching.time, "monotonic", lambda: now[0])

    def said(terminal):
        stream = io.StringIO()
        stream.isatty = lambda: terminal
        monkeypatch.setattr("sys.stderr", stream)
        now[0] = 0.0
        progress = fetching._Progress("tiny", "http://there")
        for second in range(1, 101):
            now[0] = second / 4
            progress(second * 1_000_000, 100_000_000)
        return stream.getvalue()

    lines = said(True).split("\r")
    assert lines[0] == "Downloading tiny from http://there\n" and len(lines) == 26  # 25 seconds
    assert lines[8].strip() == "tiny: 32.0 of 100.0 MB, 32 %, 3.9 MB/s" and lines[-1].endswith("\n")
    assert said(False).splitlines()[1:] == [
        "tiny: 40.0 of 100.0 MB, 40 %, 3.9 MB/s",
        "tiny: 80.0 of 100.0 MB, 80 %, 4.0 MB/s",
    ]
