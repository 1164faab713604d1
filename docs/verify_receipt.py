"""Check the proof of a receipt with nothing but Python: python verify_receipt.py PROOF [OWN_COPY].

PROOF is written by `roadbed receipt TASK --proof PROOF`. OWN_COPY is what you kept yourself, the
log's public key or a checkpoint; without it you trust the key that stands in the proof. If the key
was changed since, the proof holds the handovers, each signed by the old key and the new one.
Formats: RFC 6962 (tree), RFC 8032 (Ed25519), https://c2sp.org/tlog-checkpoint and /signed-note.
"""

import json
import sys
from base64 import b64decode
from hashlib import sha256, sha512
from itertools import pairwise
from pathlib import Path

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
Head = tuple[int, bytes]  # of a log: its size and root
Change = tuple[str, str, list[Head]]  # old key, new key, and what both signed: kept, lost
D = -121665 * pow(121666, -1, P) % P


def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """The sum of two points of the curve."""
    k = D * a[0] * b[0] * a[1] * b[1] % P
    x, y = a[0] * b[1] + a[1] * b[0], a[1] * b[1] + a[0] * b[0]
    return x * pow(1 + k, -1, P) % P, y * pow(1 - k, -1, P) % P


def times(number: int, point: tuple[int, int]) -> tuple[int, int]:
    """A point added to itself so many times."""
    half = times(number >> 1, add(point, point)) if number else (0, 1)
    return add(half, point) if number & 1 else half


def point_of(encoded: bytes) -> tuple[int, int]:
    """The point that 32 bytes stand for. Raises ValueError."""
    sign, y = divmod(int.from_bytes(encoded, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    if len(encoded) != 32 or y >= P or x * x % P != square or (x == 0 and sign):
        raise ValueError("a signature or key is no point of the curve")
    return x if x & 1 == sign else P - x, y


def signed(key: bytes, text: bytes, signature: bytes) -> bool:
    """Whether the Ed25519 key signed the text."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    k = int.from_bytes(sha512(r + key + text).digest(), "little")
    base = point_of((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    return s < ORDER and times(s, base) == add(point_of(r), times(k % ORDER, point_of(key)))


def verified(note: str, public_key: str) -> list[str]:
    """The lines of a note that the key signed. Raises ValueError."""
    name, key_id, encoded = public_key.strip().split("+", 2)
    key, (text, signatures) = b64decode(encoded, validate=True), note.split("\n\n")
    named = sha256(f"{name}\n".encode() + key).hexdigest()[:8] == key_id
    for line in signatures.splitlines():
        given = b64decode(line.partition(f"\N{EM DASH} {name} ")[2], validate=True)
        if given[:4].hex() == key_id and named and signed(key[1:], f"{text}\n".encode(), given[4:]):
            return text.split("\n")
    raise ValueError("what it says of the log is not signed by the public key")


def checkpoint(note: str, public_key: str) -> tuple[int, bytes]:
    """Size and root that the key signed. Raises ValueError."""
    origin, size, root = verified(note, public_key)
    if origin != public_key.partition("+")[0]:
        raise ValueError("the checkpoint is of another log")
    return int(size), b64decode(root, validate=True)


def head(line: str) -> Head:
    """Size and root as a handover writes them. Raises ValueError."""
    size, _, root = line.partition(" ")
    return int(size), b64decode(root, validate=True)


def change(note: str) -> Change:
    """A handover that both of its keys signed. Raises ValueError."""
    lines = note.partition("\n\n")[0].split("\n")
    if verified(note, lines[3]) != lines or verified(note, lines[4]) != lines or len(lines) != 8:
        raise ValueError("a handover is not signed by both of its keys")
    if lines[:2] != [lines[3].partition("+")[0], "roadbed/handover/1"]:
        raise ValueError("a handover is of another log")
    return lines[3], lines[4], [head(line) for line in lines[6:] if line != "-"]


def compare(own: str, key: str, size: int, root: bytes, changes: list[Change]) -> None:
    """What was kept against the proof; keys that followed it, or came before. Raises ValueError."""
    keys = [changes[0][0], *(new for _, new, _ in changes)] if changes else [key]
    if key not in keys or any(a[1] != b[0] for a, b in pairwise(changes)):
        raise ValueError("the handovers of keys do not follow one another")
    heads = [heads for *_, heads in changes]  # one less than keys: between each and the next
    if any(size > kept[0][0] for kept in heads[keys.index(key) :]):
        raise ValueError("the key signed more entries than it handed over")
    if not own:
        return
    known = {each.partition("+")[0]: each for each in keys}
    mine = known.get(own.partition("\n")[0], key) if "\n\n" in own else own.strip()
    if mine not in keys:
        raise ValueError("the key is not the one you kept")
    first, last = sorted((keys.index(mine), keys.index(key)))
    for old, new, told in changes[first:last]:
        lost = f"; a restore lost entries of {told[1][0]}" if len(told) > 1 else ""
        print(f"{old} handed over to {new} after {told[0][0]} entries{lost}.")
    if "\n\n" not in own:
        return
    covered, yours = checkpoint(own, mine)
    known_heads = [(size, root), *(told for some in heads for told in some)]
    if any(told[0] == covered and told[1] != yours for told in known_heads):
        raise ValueError("your checkpoint has another root: there are two histories")
    print(f"The checkpoint you kept, of {covered} entries, is signed by {mine}.")
    if any(covered > kept[0][0] for kept in heads[keys.index(mine) : last]):
        print("It covers entries that a restore lost since. Ask who declared it, and why.")


def top(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes:
    """The root that a leaf's hash and its proof lead to. Raises ValueError."""
    if size <= 1:
        return leaf if (index, size, hashes) == (0, 1, []) else b""
    half, (*inner, beside) = 1 << (size - 1).bit_length() - 1, hashes
    if index < half:
        return sha256(b"\x01" + top(leaf, index, half, inner) + beside).digest()
    return sha256(b"\x01" + beside + top(leaf, index - half, size - half, inner)).digest()


def check(document: str, own: str | None = None) -> None:
    """Print what holds. Raises ValueError for what does not."""
    proof = json.loads(document)
    size, root = checkpoint(proof["checkpoint"], proof["public_key"])
    print(f"A checkpoint of {size} entries is signed by {proof['public_key']}.")
    changes = [change(note) for note in proof.get("handovers", [])]
    compare("none" if own == "" else own or "", proof["public_key"], size, root, changes)
    for each in proof["entries"]:
        name, text = f"entry {each['position']}", each["payload"]
        leaf, hashes = bytes.fromhex(each["commitment"]), map(bytes.fromhex, each["hashes"])
        salted = bytes.fromhex(each["salt"] or "") + (text or "").encode()
        if text and (json.loads(text)[1], sha256(salted).digest()) != (each["position"], leaf):
            raise ValueError(f"{name} is not what was committed to")
        if top(sha256(b"\0" + leaf).digest(), each["leaf"], size, list(hashes)) != root:
            raise ValueError(f"{name} does not stand in the log where it says")
        gone = "its content was erased, or left out of this proof; its place is kept"
        print(f"Leaf {each['leaf']}, {name}: {text or gone}")
    if not proof["entries"]:
        print("It holds no entry, so it proves nothing of a receipt.")


if __name__ == "__main__":
    try:
        check(*(Path(each).read_text(encoding="utf-8") for each in sys.argv[1:3]))
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"This proof does not hold: {error}.")
    print("Everything in this proof holds.")
