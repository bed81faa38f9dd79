"""Pictures and sounds made to crash, to hang or to fill a decoder; each small, and built here byte by byte.

Knows the formats alone.
"""

from __future__ import annotations

import io
import struct
import wave
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import av
import numpy as np
from PIL import Image

Tag = tuple[int, int, int, int]
"""A tag of TIFF: its number, its type, how many values, and the value or where they stand."""

_SHORT, _LONG, _BYTE = 3, 4, 1


# Pictures


def png(*chunks: tuple[bytes, bytes], width: int = 8, height: int = 8) -> bytes:
    """A grey PNG with further chunks before its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(9 * 8))
    body = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in body
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@cache
def _zeros(megabytes: int) -> bytes:
    return zlib.compress(bytes(megabytes << 20), 9)


def compressed_text(*, chunks: int, megabytes: int) -> bytes:
    """A PNG whose texts grow a thousandfold when they are read."""
    return png(*[(b"zTXt", b"key%d\0\0" % number + _zeros(megabytes)) for number in range(chunks)])


def international_text(*, megabytes: int) -> bytes:
    """The same in the other kind of chunk."""
    return png((b"iTXt", b"key\0\1\0\0\0" + _zeros(megabytes)))


def colour_profile(*, megabytes: int) -> bytes:
    """A PNG whose colour profile grows a thousandfold."""
    return png((b"iCCP", b"name\0\0" + _zeros(megabytes)))


def apng(*, frames: int) -> bytes:
    """A PNG that claims so many frames."""
    control = struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 10, 0, 0)
    return png((b"acTL", struct.pack(">II", frames, 0)), (b"fcTL", control))


def directory(tags: Sequence[Tag], following: int = 0) -> bytes:
    """A directory of TIFF, and where the next one stands."""
    packed = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<H", len(tags)) + packed + struct.pack("<I", following)


def grey(width: int, height: int, *, compression: int = 1, at: int = 8, length: int = 64) -> list[Tag]:
    """The tags of a grey TIFF in one strip."""
    return [
        (256, _LONG, 1, width),
        (257, _LONG, 1, height),
        (258, _SHORT, 1, 8),
        (259, _SHORT, 1, compression),
        (262, _SHORT, 1, 1),
        (273, _LONG, 1, at),
        (277, _SHORT, 1, 1),
        (278, _LONG, 1, height),
        (279, _LONG, 1, length),
    ]


def tiff(tags: Sequence[Tag], pixels: bytes = bytes(64)) -> bytes:
    """A TIFF with one directory."""
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory(tags)


def directories(count: int) -> bytes:
    """A TIFF of so many frames, one pixel each."""
    tags = grey(1, 1)
    size = len(directory(tags))
    starts = [8 + size * number for number in range(1, count)]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(directory(tags, start) for start in [*starts, 0])


def circle() -> bytes:
    """A TIFF of two frames, each of which is followed by the other."""
    tags = grey(1, 1)
    size = len(directory(tags))
    return b"II*\0" + struct.pack("<I", 8) + directory(tags, 8 + size) + directory(tags, 8)


def overlapping_tags(count: int) -> bytes:
    """A block of TIFF tags, each of which holds the whole block: read one by one, it is as large squared."""
    size = 8 + 2 + 12 * count + 4
    return b"II*\0" + struct.pack("<I", 8) + directory([(1000 + tag, 7, size, 0) for tag in range(count)])


def overlapping_tiff(count: int) -> bytes:
    """A TIFF with such tags beside its own."""
    tags = grey(8, 8)
    size = 8 + 64 + len(directory(tags)) + 12 * count
    return tiff([*tags, *((1000 + tag, 7, size, 0) for tag in range(count))])


def gif(frames: Iterable[tuple[int, int]], *, canvas: tuple[int, int] = (8, 8)) -> bytes:
    """A GIF of frames of so many pixels across and down, whose data is next to nothing."""
    pixel = b"\x02\x02\x4c\x01\x00"
    parts = [b"," + struct.pack("<HHHHB", 0, 0, *size, 0) + pixel for size in frames]
    return b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x80, 0, 0) + bytes(6) + b"".join(parts) + b";"


def webp(side: int) -> bytes:
    """The head of an animated WebP with a canvas so wide and high."""
    edge = (side - 1).to_bytes(3, "little")
    body = (
        b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + edge * 2 + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def bmp(width: int, height: int, *, bits: int = 24) -> bytes:
    """The head of a BMP, and no pixels."""
    return (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
    )


def jpeg(width: int, height: int) -> bytes:
    """The head of a JPEG, and no pixels."""
    frame = struct.pack(">HBHHBBBB", 11, 8, height, width, 1, 1, 0x11, 0)
    return b"\xff\xd8\xff\xc0" + frame + b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 0, 63, 0)


def scans(count: int, *, side: int) -> bytes:
    """A progressive JPEG whose last pass over the picture comes again and again."""
    file = io.BytesIO()
    Image.new("L", (side, side)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + (data[last:-2]) * count + data[-2:]


def saved(form: str, mode: str, size: tuple[int, int], **options: object) -> bytes:
    """A picture of one colour, as the library saves it."""
    file = io.BytesIO()
    Image.new(mode, size).save(file, form, **options)
    return file.getvalue()


# Sounds


def wav(
    *,
    channels: int = 1,
    rate: int = 8000,
    bits: int = 8,
    form: int = 1,
    align: int | None = None,
    size: int | None = None,
    before: bytes = b"",
    frames: int = 4,
) -> bytes:
    """A WAV of some samples, whose head says what it is told to."""
    block = align if align is not None else channels * bits // 8
    data = bytes([128]) * frames * max(channels * bits // 8, 1)
    head = struct.pack("<HHIIHH", form, channels, rate, min(rate * block, 0xFFFFFFFF), block & 0xFFFF, bits)
    length = len(data) if size is None else size
    body = b"fmt " + struct.pack("<I", len(head)) + head + before + b"data" + struct.pack("<I", length) + data
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    value, top = 0, 1 << (bits - 1)
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & ((1 << bits) - 1)
    return value


def flac(*, rate: int, channels: int = 1, frames: int = 1, claimed: int = 0) -> bytes:
    """A silent FLAC of frames of 65,535 samples, each in some 13 bytes.

    Args:
        rate: Samples a second.
        channels: How many its frames have.
        frames: How many there are.
        claimed: How many channels its head claims; 0 means as many.
    """
    block = 65_535
    fields = (rate << 44) | (((claimed or channels) - 1) << 41) | (15 << 36)
    head = struct.pack(">HH", block, block) + bytes(6) + fields.to_bytes(8, "big") + bytes(16)
    start = b"fLaC\x80" + len(head).to_bytes(3, "big") + head
    return start + b"".join(_flac_frame(number, block, channels) for number in range(frames))


@cache
def _flac_frame(number: int, block: int, channels: int) -> bytes:
    head = b"\xff\xf8\x70" + bytes([(channels - 1) << 4 | 0b1000])
    head += chr(number).encode("utf-8", "surrogatepass") + struct.pack(">H", block - 1)
    body = head + bytes([_crc(head, 0x07, 8)]) + bytes(3) * channels  # each channel: one value, for all of it
    return body + struct.pack(">H", _crc(body, 0x8005, 16))


def ogg_page(serial: int, packet: bytes, *, flags: int, position: int = 0, number: int = 0) -> bytes:
    """A page of Ogg with one short packet."""
    head = b"OggS\0" + struct.pack("<BqIIIBB", flags, position, serial, number, 0, 1, len(packet))
    check = struct.pack("<I", _crc(head + packet, 0x04C11DB7, 32))
    return head[:22] + check + head[26:] + packet


def ogg_streams(count: int) -> bytes:
    """An Ogg of so many streams side by side."""
    opus = b"OpusHead\1\1\0\0" + struct.pack("<I", 48_000) + b"\0\0\0"
    tags = b"OpusTags" + bytes(8)
    firsts = [ogg_page(serial, opus, flags=2) for serial in range(count)]
    seconds = [ogg_page(serial, tags, flags=0, number=1) for serial in range(count)]
    return b"".join(firsts + seconds)


@cache
def encoded(form: str, codec: str, *, rate: int = 48_000, layout: str = "mono") -> bytes:
    """A tenth of a second of silence, as FFmpeg writes it."""
    file = io.BytesIO()
    channels = {"mono": 1, "stereo": 2}[layout]
    with av.open(file, "w", form) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        samples = np.zeros((1, rate // 10 * channels), dtype=np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return file.getvalue()


def tagged(tag: bytes, *, flags: int = 0) -> bytes:
    """An MP3 after an ID3v2.3 tag with that body."""
    size = bytes((len(tag) >> 7 * shift) & 127 for shift in (3, 2, 1, 0))
    return b"ID3\3\0" + bytes([flags]) + size + tag + encoded("mp3", "mp3")


def cover(side: int) -> bytes:
    """An MP3 whose cover is a PNG that claims to be so wide and high."""
    body = b"\0image/png\0\3\0" + png(width=side, height=side)
    return tagged(b"APIC" + struct.pack(">IH", len(body), 0) + body)


def compressed_tag(*, megabytes: int) -> bytes:
    """An MP3 whose tag has a compressed frame."""
    body = struct.pack(">I", megabytes << 20) + _zeros(megabytes)
    return tagged(b"TXXX" + struct.pack(">IH", len(body), 0x0080) + body)


def box(kind: bytes, *contents: bytes) -> bytes:
    """A box of MP4."""
    body = b"".join(contents)
    return struct.pack(">I", 8 + len(body)) + kind + body


def m4a(*, tracks: int = 1, samples: int = 1, entries: int = 1, link: bytes | None = None) -> bytes:
    """An M4A of raw samples.

    Args:
        tracks: How many it has.
        samples: How many each claims, all of one size.
        entries: How many entries its table of times claims; it has one.
        link: The path of the file that its samples are said to be in; None means this one.
    """
    reference = box(b"url ", b"\0\0\0\1") if link is None else box(b"alis", _alias(link))
    return (
        box(b"ftyp", b"M4A \0\0\0\0M4A ")
        + box(
            b"moov",
            box(b"mvhd", bytes(12), struct.pack(">II", 8000, 8000), bytes(80)),
            *[_track(samples, entries, reference)] * tracks,
        )
        + box(b"mdat", bytes(16))
    )


def _track(samples: int, entries: int, reference: bytes) -> bytes:
    entry = box(b"sowt", bytes(6) + b"\0\1" + bytes(8) + struct.pack(">HHHHI", 1, 16, 0, 0, 8000 << 16))
    table = box(
        b"stbl",
        box(b"stsd", bytes(4), struct.pack(">I", 1), entry),
        box(b"stts", bytes(4), struct.pack(">III", entries, samples, 1)),
        box(b"stsc", bytes(4), struct.pack(">IIII", 1, 1, samples, 1)),
        box(b"stsz", bytes(4), struct.pack(">II", 2, samples)),
        box(b"stco", bytes(4), struct.pack(">II", 1, 8)),
    )
    media = box(
        b"minf",
        box(b"smhd", bytes(8)),
        box(b"dinf", box(b"dref", bytes(4), struct.pack(">I", 1), reference)),
        table,
    )
    return box(
        b"trak",
        box(b"tkhd", b"\0\0\0\3", bytes(8), struct.pack(">I", 1), bytes(68)),
        box(
            b"mdia",
            box(b"mdhd", bytes(12), struct.pack(">II", 8000, 8000), bytes(4)),
            box(b"hdlr", bytes(8), b"soun", bytes(13)),
            media,
        ),
    )


def _alias(path: bytes) -> bytes:
    """A record of the old Mac OS, with which QuickTime files refer to others, with an absolute path."""
    head = bytes(4) + b"\0\0\0\0" + struct.pack(">HH", 0, 2) + struct.pack(">H", 0)
    volume = b"\x04disk" + bytes(23)
    middle = bytes(12) + b"\x04name" + bytes(59) + bytes(16) + struct.pack(">HH", 1, 1) + bytes(16)
    even = path + bytes(len(path) % 2)
    return head + volume + middle + struct.pack(">HH", 2, len(even)) + even + struct.pack(">HH", 0xFFFF, 0)


def tone(path: Path) -> Path:
    """A sound that is as it should be."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((np.sin(np.arange(8000) * 0.345) * 9000).astype("<i2").tobytes())
    return path
