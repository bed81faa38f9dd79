"""What bytes are: real files of every format Phi-4 takes, and what is easily taken for one."""

from __future__ import annotations

import io
import struct
import time
import wave
import zipfile

import av
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from phi4_space._media.formats import describe, is_other_audio, recognise

ID3 = b"ID3\x04\x00\x00\x00\x00\x00\x05hello"


def picture(encoder: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (5, 4), "orange").save(file, encoder, **options)
    return file.getvalue()


def sound(container: str, codec: str) -> bytes:
    file = io.BytesIO()
    samples = np.zeros((1, 4800), np.int16)
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=48000)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 48000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return file.getvalue()


def film(container: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return file.getvalue()


def tone() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setparams((1, 2, 8000, 0, "NONE", ""))
        recording.writeframes(bytes(64))
    return file.getvalue()


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("cat.txt", "miaow")
    return file.getvalue()


def box(kind: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def track(handler: bytes) -> bytes:
    return box(b"trak", box(b"mdia", box(b"mdhd", bytes(24)), box(b"hdlr", bytes(8), handler, bytes(12))))


def mp4(brand: bytes, *tracks: bytes) -> bytes:
    return box(b"ftyp", brand, bytes(4), brand) + box(b"free") + box(b"moov", box(b"mvhd"), *tracks)


def ogg_page(content: bytes, *, first: bool = True) -> bytes:
    sizes = [255] * (len(content) // 255) + [len(content) % 255]
    return struct.pack("<4sBB20xB", b"OggS", 0, 2 if first else 0, len(sizes)) + bytes(sizes) + content


def element(number: str, content: bytes, *, of_unknown_size: bool = False) -> bytes:
    """An element of Matroska, with a size of eight bytes."""
    size = b"\x01" + (b"\xff" * 7 if of_unknown_size else len(content).to_bytes(7))
    return bytes.fromhex(number) + size + content


def track_of(kind: int) -> bytes:
    return element("AE", element("D7", b"\1") + element("83", bytes([0, kind])) + element("86", b"A_OPUS"))


def matroska(*tracks: bytes, of_unknown_size: bool = False) -> bytes:
    """A WebM file of tracks without content; recorders do not know its size, nor that of its clusters."""
    inside = element("1549A966", b"") + element("1654AE6B", b"".join(tracks))
    inside += element("1F43B675", bytes(20), of_unknown_size=of_unknown_size)
    header = element("1A45DFA3", element("4282", b"webm"))
    return header + element("18538067", inside, of_unknown_size=of_unknown_size)


@pytest.mark.parametrize(
    ("data", "mime_type", "extension"),
    [
        pytest.param(picture("JPEG"), "image/jpeg", ".jpg", id="jpeg"),
        pytest.param(picture("PNG"), "image/png", ".png", id="png"),
        pytest.param(
            picture("PNG", save_all=True, append_images=[Image.new("RGB", (5, 4))]),
            "image/png",
            ".png",
            id="animated png",
        ),
        pytest.param(picture("GIF"), "image/gif", ".gif", id="gif"),
        pytest.param(picture("WEBP"), "image/webp", ".webp", id="webp"),
        pytest.param(picture("WEBP", lossless=True), "image/webp", ".webp", id="lossless webp"),
        pytest.param(picture("BMP"), "image/bmp", ".bmp", id="bmp"),
        pytest.param(picture("TIFF"), "image/tiff", ".tiff", id="tiff"),
        pytest.param(b"MM\x00*\x00\x00\x00\x08\x00\x01", "image/tiff", ".tiff", id="big-endian tiff"),
        pytest.param(tone(), "audio/wav", ".wav", id="wav"),
        pytest.param(sound("wav", "pcm_s16le"), "audio/wav", ".wav", id="wav with tags"),
        pytest.param(sound("mp3", "libmp3lame"), "audio/mpeg", ".mp3", id="tagged mp3"),
        pytest.param(sound("mp3", "libmp3lame")[45:], "audio/mpeg", ".mp3", id="untagged mp3"),
        pytest.param(b"\xff\xfa\x90\x00", "audio/mpeg", ".mp3", id="mp3 with checksums"),
        pytest.param(b"\xff\xe3\x18\xc4", "audio/mpeg", ".mp3", id="mp3 of MPEG 2.5"),
        pytest.param(ID3[:9], "audio/mpeg", ".mp3", id="cut-off tag"),
        pytest.param(ID3 + b"BMBM", "audio/mpeg", ".mp3", id="tag before noise"),
        pytest.param(sound("flac", "flac"), "audio/flac", ".flac", id="flac"),
        pytest.param(ID3 + sound("flac", "flac"), "audio/flac", ".flac", id="tagged flac"),
        pytest.param(ogg_page(b"\x01vorbis" + bytes(23)), "audio/ogg", ".ogg", id="vorbis"),
        pytest.param(ogg_page(b"\x7fFLAC" + bytes(46)), "audio/ogg", ".ogg", id="flac in ogg"),
        pytest.param(b"OggS\x00\x02", "audio/ogg", ".ogg", id="cut-off ogg"),
        pytest.param(sound("opus", "libopus"), "audio/ogg", ".opus", id="opus"),
        pytest.param(
            ogg_page(b"fishead\x00" + bytes(600)) + ogg_page(b"OpusHead"),
            "audio/ogg",
            ".opus",
            id="second opus",
        ),
        pytest.param(sound("ipod", "aac"), "audio/mp4", ".m4a", id="m4a"),
        pytest.param(
            mp4(b"M4B ", track(b"vide"), track(b"soun")), "audio/mp4", ".m4a", id="m4a with pictures"
        ),
        pytest.param(sound("mp4", "aac"), "audio/mp4", ".m4a", id="mp4 that only sounds"),
        pytest.param(mp4(b"iso6", track(b"soun")), "audio/mp4", ".m4a", id="mp4 of an unknown brand"),
        pytest.param(
            mp4(b"isom")[:-16] + struct.pack(">I4sQ", 1, b"moov", 16 + 84) + track(b"soun"),
            "audio/mp4",
            ".m4a",
            id="mp4 with a long box",
        ),
        pytest.param(
            mp4(b"isom")[:-16] + struct.pack(">I4s", 0, b"moov") + track(b"soun"),
            "audio/mp4",
            ".m4a",
            id="mp4 with an open box",
        ),
    ],
)
def test_formats_that_are_taken(data: bytes, mime_type: str, extension: str) -> None:
    """Each format Phi-4 takes is told from its bytes, with a standard type and its usual extension first."""
    form = recognise(data)
    assert form is not None
    assert (form.mime_type, form.extensions[0]) == (mime_type, extension)
    assert describe(data) is None


@pytest.mark.parametrize(
    ("data", "description"),
    [
        pytest.param(film("mp4", "mpeg4"), "a video in MP4 format", id="mp4"),
        pytest.param(mp4(b"iso6", track(b"soun"), track(b"vide")), "a video in MP4 format", id="mp4 brand"),
        pytest.param(film("mov", "mpeg4"), "a video in MOV format", id="mov"),
        pytest.param(film("avi", "mpeg4"), "a video in AVI format", id="avi"),
        pytest.param(film("matroska", "mpeg4"), "a video in MKV format", id="mkv"),
        pytest.param(film("webm", "libvpx"), "a video in WEBM format", id="webm"),
        pytest.param(ogg_page(b"\x80theora" + bytes(35)), "a video in OGG format", id="theora"),
        pytest.param(
            ogg_page(b"OpusHead") + ogg_page(b"\x01video"), "a video in OGG format", id="opus and a film"
        ),
        pytest.param(picture("AVIF"), "an image in AVIF format", id="avif"),
        pytest.param(box(b"ftyp", b"heic", bytes(4), b"mif1heic"), "an image in HEIC format", id="heic"),
        pytest.param(picture("ICO"), "an image in ICO format", id="ico"),
        pytest.param(sound("aiff", "pcm_s16be"), "audio in AIFF format", id="aiff"),
        pytest.param(sound("adts", "aac"), "audio in AAC format", id="aac"),
        pytest.param(ID3 + sound("adts", "aac"), "audio in AAC format", id="tagged aac"),
        pytest.param(sound("webm", "libopus"), "audio in WEBM format", id="webm that only sounds"),
        pytest.param(sound("matroska", "libopus"), "audio in MKV format", id="mkv that only sounds"),
        pytest.param(sound("asf", "libmp3lame"), "audio in WMA format", id="wma"),
        pytest.param(film("asf", "wmv2"), "a video in WMV format", id="wmv"),
        pytest.param(sound("avi", "pcm_s16le"), "audio in AVI format", id="avi that only sounds"),
        pytest.param(sound("flv", "libmp3lame"), "audio in FLV format", id="flv that only sounds"),
        pytest.param(film("flv", "flv"), "a video in FLV format", id="flv"),
        pytest.param(matroska(track_of(2)), "audio in WEBM format", id="webm by hand"),
        pytest.param(
            matroska(track_of(2), track_of(17)), "audio in WEBM format", id="webm with sound and subtitles"
        ),
        pytest.param(matroska(track_of(17)), "a video in WEBM format", id="webm of subtitles"),
        pytest.param(
            matroska(track_of(2), track_of(1)), "a video in WEBM format", id="webm that shows and sounds"
        ),
        pytest.param(
            matroska(track_of(2), of_unknown_size=True), "audio in WEBM format", id="webm as it is recorded"
        ),
        pytest.param(matroska(), "a video in WEBM format", id="webm of no track"),
        pytest.param(matroska(track_of(2))[:44], "a video in WEBM format", id="webm cut off"),
        pytest.param(matroska(b"\0" * 40), "a video in WEBM format", id="webm with a broken element"),
        pytest.param(matroska(b"\xae"), "a video in WEBM format", id="webm with an element of no size"),
        pytest.param(matroska(b"\xae\x10\0\0"), "a video in WEBM format", id="webm with half a size"),
        pytest.param(picture("PDF"), "a file in PDF format", id="pdf"),
        pytest.param(b"%PDF-1.4\n1 0 obj", "a file in PDF format", id="pdf of ascii letters"),
        pytest.param(archive(), "a file in ZIP format", id="zip"),
        pytest.param(b'<?xml version="1.0"?>\n<svg xmlns="', "an SVG drawing", id="svg"),
        pytest.param(b"\xef\xbb\xbf <SVG></SVG>", "an SVG drawing", id="svg with a mark"),
        pytest.param(b"<!DOCTYPE html><p>no", "a web page", id="html"),
        pytest.param(b"<?xml version='1.0'?><feed/>", "text", id="xml"),
        pytest.param(("x" + "ü" * 3000).encode(), "text", id="text"),
        pytest.param(b"BMW is a car", "text", id="text like bmp"),
        pytest.param(b"GIF is a format", "text", id="text like gif"),
        pytest.param(b"ID3 tags name songs", "text", id="text like mp3"),
    ],
)
def test_formats_that_are_not(data: bytes, description: str) -> None:
    """What Phi-4 does not take is named in plain words, and no text is taken for what it begins like."""
    assert recognise(data) is None
    assert describe(data) == description


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bytes(range(256)), id="all bytes"),
        pytest.param(b"\xff\xfa", id="half an mp3 header"),
        pytest.param(b"\xff\xea\x90\x00", id="mp3 of no version"),
        pytest.param(b"\xff\xfa\xf0\x00", id="mp3 of no bit rate"),
        pytest.param(mp4(b"iso6"), id="mp4 of no track"),
        pytest.param(mp4(b"iso6")[:-8] + b"\0\0\0\7moov", id="mp4 with a broken box"),
        pytest.param(
            mp4(b"iso6")[:28] + b"\0\0\0\7fre" + box(b"moov", track(b"soun")), id="mp4 past a broken box"
        ),
        pytest.param("Grüße".encode("latin-1"), id="text in an old encoding"),
    ],
)
def test_unknown(data: bytes) -> None:
    """What nobody can tell is neither recognised nor described."""
    assert (recognise(data), describe(data)) == (None, None)


HEADS = [
    b"",
    b"ID3\x04\x00\x00",
    b"OggS\x00\x02",
    b"\x00\x00\x00\x10ftypisom",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF",
    b"\xff",
]


@given(st.sampled_from(HEADS), st.binary(max_size=300))
def test_any_bytes(head: bytes, tail: bytes) -> None:
    """Any bytes get an answer, and never both a format and a reason against one."""
    assert recognise(head + tail) is None or describe(head + tail) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(mp4(b"isom", *[box(b"trak")] * 400, track(b"soun")), id="many tracks"),
        pytest.param(mp4(b"isom", box(b"trak", *[box(b"free")] * 400, track(b"soun")[8:])), id="many boxes"),
        pytest.param(ogg_page(b"") * 400 + ogg_page(b"OpusHead"), id="many streams"),
    ],
)
def test_searches_end(data: bytes) -> None:
    """A file built of endless little parts is not searched to its end."""
    form = recognise(data)
    assert form is None or form.extensions == (".ogg",)


@given(st.binary(min_size=1, max_size=64), st.integers(0, 200))
def test_cut_off_mp4(junk: bytes, at: int) -> None:
    """Broken boxes end the search; they neither loop nor raise."""
    whole = mp4(b"isom", track(b"soun"))
    damaged = whole[:at] + junk + whole[at + len(junk) :]
    assert recognise(damaged) is None or describe(damaged) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (sound("webm", "libopus"), True),
        (sound("adts", "aac"), True),
        (sound("wav", "pcm_s16le"), False),
        (film("webm", "libvpx"), False),
        (picture("AVIF"), False),
        (b"text", False),
        (bytes(range(256)), False),
    ],
    ids=["webm", "aac", "wav", "a film", "an image", "text", "noise"],
)
def test_audio_that_can_be_converted(data: bytes, expected: bool) -> None:  # noqa: FBT001 - a fact
    """Audio, in a format that Phi-4 does not take."""
    assert is_other_audio(data) is expected


@pytest.mark.parametrize(
    "tracks",
    [
        (b"\xae\x80" * 1_000_000,),
        (element("AE", element("83", b"\2") * 100_000),) * 10,
        (element("AE", b"") * 100_000 + track_of(2),),
        (b"\xae\x81\x83" * 500_000,),
        (b"\xff" * 3_000_000,),
        (element("83", b"\2", of_unknown_size=True) * 100_000,),
    ],
)
def test_a_file_of_a_million_tracks_takes_no_time(tracks: tuple[bytes, ...]) -> None:
    """Only the first few hundred are looked at, at each level."""
    data, began = matroska(*tracks), time.process_time()

    assert str(describe(data)).endswith("in WEBM format")
    assert time.process_time() - began < 0.5


@given(st.binary(max_size=200))
def test_any_bytes_behind_a_webm_header_are_described(data: bytes) -> None:
    """Broken in any way, it is WebM."""
    assert str(describe(element("1A45DFA3", element("4282", b"webm")) + data)).endswith("in WEBM format")
