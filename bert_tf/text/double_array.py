"""Builds the double-array trie that tf-text's kernels read (the layout of the Darts-clone library).

A trie is one array of uint32 units. The edge from unit `i` by byte `c` ends at unit `i ^ offset(i) ^ c`; the value of
`i`, if it has one, is kept in unit `i ^ offset(i)`.

| bits   | inner unit                                     | unit of a value |
|--------|------------------------------------------------|-----------------|
| 0-7    | byte of the edge that leads here               | bits 0-30: the  |
| 8      | 1 = a value is kept at `i ^ offset(i)`         | value           |
| 10-30  | offset                                         |                 |
| 31     | 0                                              | 1               |
"""

import numpy as np

_BLOCK = 256
_VALUE = 0  # where a state keeps its value, seen from its base; no key holds this byte


def build_double_array(values: dict[bytes, int]) -> np.ndarray:
    """Lays out a trie.

    Args:
        values: keys to numbers below 2^31. No key is empty or holds a NUL byte.

    Returns:
        uint32 `(units,)`. The same keys and values always give the same bytes. Equal sub-tries are stored once: an
        offset is relative to where an edge leads, so many edges can lead to the same children.
    """
    states, root = _minimized(values)
    bases, num_units = _place(states)
    units = np.zeros(num_units, dtype=np.uint32)
    units[0] = bases[root] << 10
    for state, base in zip(states, bases, strict=True):
        for byte, child in state:
            if byte == _VALUE:
                units[base] = 1 << 31 | child
                continue
            has_value = states[child][0][0] == _VALUE
            position = base ^ byte
            units[position] = (position ^ bases[child]) << 10 | has_value << 8 | byte
    return units


def _minimized(values: dict[bytes, int]) -> tuple[list[tuple], int]:
    """All different sub-tries, each as ((byte, sub-trie), ...) with the value, if any, first; and the whole one."""
    trie: dict = {}
    for key, value in values.items():
        node = trie
        for byte in key:
            node = node.setdefault(byte, {})
        node[_VALUE] = value

    states: list[tuple] = []
    number_of: dict[tuple, int] = {}

    def number(node: dict) -> int:
        state = tuple((byte, node[byte] if byte == _VALUE else number(node[byte])) for byte in sorted(node))
        if state not in number_of:
            number_of[state] = len(states)
            states.append(state)
        return number_of[state]

    root = number(trie)
    return states, root


def _place(states: list[tuple]) -> tuple[list[int], int]:
    """Finds a base for every state, the largest first, such that no two states want the same unit."""
    occupied = bytearray(_BLOCK)
    occupied[0] = 1  # the root
    taken_bases: set[int] = set()
    bases = [0] * len(states)
    start = 0
    previous_size = None
    for number in sorted(range(len(states)), key=lambda number: -len(states[number])):
        labels = [byte for byte, _ in states[number]]
        if len(labels) != previous_size:  # smaller ones may fit into holes that were too small until now
            start, previous_size = 0, len(labels)
        base = start
        while base in taken_bases or any(occupied[base ^ label] for label in labels):
            base += 1
            if base == len(occupied):
                occupied.extend(bytes(_BLOCK))
        for label in labels:
            occupied[base ^ label] = 1
        taken_bases.add(base)
        bases[number] = base
        # Looking once more at the block of the last find keeps the search linear and wastes next to nothing.
        start = base - base % _BLOCK
    return bases, len(occupied)
