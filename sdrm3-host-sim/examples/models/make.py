#!/usr/bin/env python3
"""Writes a.tflite and b.onnx: two small networks for the tutorial, layers and shapes without trained weights."""

import struct


# ---- ONNX: messages of protocol buffers ----

def varint(value):
    out = b""
    while True:
        byte, value = value & 127, value >> 7
        out += bytes([byte | (128 if value else 0)])
        if not value:
            return out


def field(tag, value):
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(tag << 3 | 2) + varint(len(value)) + value


def shaped(name, sizes):
    shape = b"".join(field(1, field(1, size)) for size in sizes)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def weights(name, sizes):
    return b"".join(field(1, size) for size in sizes) + field(2, 1) + field(8, name)


def ints(name, values):
    return field(1, name) + b"".join(field(8, value) for value in values) + field(20, 7)


def node(operator, inputs, output, *attributes):
    out = b"".join(field(1, name) for name in inputs) + field(2, output) + field(3, output)
    return out + field(4, operator) + b"".join(field(5, attribute) for attribute in attributes)


def onnx():
    """Five convolutions over a camera's picture, halving it each time, and a classifier."""
    channels = [3, 16, 32, 64, 128, 128]
    nodes, initializers, last = [], [], "image"
    for index, (c, k) in enumerate(zip(channels, channels[1:])):
        initializers.append(weights(f"w{index}", [k, c, 3, 3]))
        pads, strides = ints("pads", [1, 1, 1, 1]), ints("strides", [2, 2])
        nodes.append(node("Conv", [last, f"w{index}"], f"conv{index}", pads, strides))
        nodes.append(node("Relu", [f"conv{index}"], f"relu{index}"))
        last = f"relu{index}"
    nodes.append(node("GlobalAveragePool", [last], "pool"))
    nodes.append(node("Flatten", ["pool"], "flat"))
    initializers.append(weights("fc", [128, 64]))
    nodes.append(node("MatMul", ["flat", "fc"], "classes"))
    graph = b"".join(field(1, n) for n in nodes) + field(2, "b")
    graph += b"".join(field(5, i) for i in initializers)
    graph += field(11, shaped("image", [1, 3, 224, 224])) + field(12, shaped("classes", [1, 64]))
    return field(1, 8) + field(8, field(2, 13)) + field(7, graph)


# ---- TensorFlow Lite: a flatbuffer; a table is a list of what stands in its fields ----

class Byte(int):
    pass


def write(out, fields):
    out += struct.pack("<HH", 4 + 2 * len(fields), 4 + 4 * len(fields))
    for index, value in enumerate(fields):
        out += struct.pack("<H", 0 if value is None else 4 + 4 * index)
    table = len(out)
    out += struct.pack("<i", 4 + 2 * len(fields)) + bytes(4 * len(fields))
    for index, value in enumerate(fields):
        place = table + 4 + 4 * index
        if value is None:
            continue
        if not isinstance(value, int):
            value = behind(out, value) - place
        out[place:place + 4] = struct.pack("<i", value)
    return table


def behind(out, value):
    out += bytes(-len(out) % 4)
    place = len(out)
    if isinstance(value, tuple):  # a table
        return write(out, list(value))
    out += struct.pack("<I", len(value))
    if isinstance(value, str):
        out += value.encode() + b"\0"
    elif value and isinstance(value[0], tuple):  # tables
        out += bytes(4 * len(value))
        for index, fields in enumerate(value):
            entry = place + 4 + 4 * index
            offset = behind(out, fields) - entry
            out[entry:entry + 4] = struct.pack("<I", offset)
    else:
        out += b"".join(struct.pack("<i", number) for number in value)
    return place


def tflite():
    """A depthwise-separable network over a crop of the eye: 5 x (depthwise, pointwise), then the gaze."""
    int8, no_buffer = Byte(9), 0
    conv, depthwise, fully_connected = 3, 4, 9
    tensors, operators = [([1, 64, 64, 1], int8, no_buffer, "eye")], []

    def tensor(shape, name):
        tensors.append((shape, int8, no_buffer, name))
        return len(tensors) - 1

    def add(code, last, shape, out, name, stride=1):
        filter_ = tensor(shape, f"{name}_weights")
        result = tensor(out, name)
        options = () if code == 2 else (Byte(0), stride, stride)
        operators.append((code, [last, filter_, -1], [result], Byte(1), options))
        return result

    last = add(0, 0, [8, 3, 3, 1], [1, 32, 32, 8], "stem", 2)
    side, channels = 32, 8
    for block in range(4):
        side //= 2
        last = add(1, last, [1, 3, 3, channels], [1, side, side, channels], f"depthwise{block}", 2)
        last = add(0, last, [2 * channels, 1, 1, channels], [1, side, side, 2 * channels], f"pointwise{block}")
        channels *= 2
    add(2, last, [2, side * side * channels], [1, 2], "gaze")
    codes = [(Byte(number), None, None, number) for number in (conv, depthwise, fully_connected)]
    subgraph = (tensors, [0], [len(tensors) - 1], operators)
    out = bytearray(b"\0\0\0\0TFL3")
    root = write(out, [3, codes, [subgraph], None, [()]])
    out[:4] = struct.pack("<I", root)
    return bytes(out)


for name, content in [("a.tflite", tflite()), ("b.onnx", onnx())]:
    with open(name, "wb") as file:
        file.write(content)
