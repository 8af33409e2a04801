# SPDX-License-Identifier: Apache-2.0
"""Just enough of DNS to ask strange questions."""
import struct


def name(text):
    out = b""
    for label in text.rstrip(".").split("."):
        raw = label.encode("latin-1")
        out += bytes([len(raw)]) + raw
    return out + b"\0"


def query(text, qtype=1, qclass=1, qid=0x4d2, flags=0x100, extra=b"",
          counts=(1, 0, 0, 0)):
    return struct.pack(">HHHHHH", qid, flags, *counts) + name(text) \
        + struct.pack(">HH", qtype, qclass) + extra


def rcode(packet):
    return packet[3] & 15


def answers(packet):
    return struct.unpack(">H", packet[6:8])[0]
