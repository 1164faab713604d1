"""Check the proof of a receipt with nothing but Python: python verify_receipt.py PROOF [OWN_COPY].

PROOF is written by `roadbed receipt TASK --proof PROOF`. OWN_COPY is what you kept yourself, the
log's public key or a checkpoint; without it you trust the key that stands in the proof.
Formats: RFC 6962 (tree), RFC 8032 (Ed25519), https://c2sp.org/tlog-checkpoint and /signed-note.
"""

import json
import sys
from base64 import b64decode
from hashlib import sha256, sha512
from pathlib import Path

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
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


def checkpoint(note: str, public_key: str) -> tuple[int, bytes]:
    """Size and root that the key signed. Raises ValueError."""
    name, key_id, encoded = public_key.strip().split("+", 2)
    key, (text, signature) = b64decode(encoded, validate=True), note.split("\n\n")
    origin, size, root = text.split("\n")
    given = b64decode(signature.partition(f"\N{EM DASH} {name} ")[2].strip(), validate=True)
    named = sha256(f"{name}\n".encode() + key).hexdigest()[:8] == key_id == given[:4].hex()
    if not named or origin != name or not signed(key[1:], f"{text}\n".encode(), given[4:]):
        raise ValueError("the checkpoint is not signed by the public key")
    return int(size), b64decode(root, validate=True)


def top(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes:
    """The root that a leaf's hash and its proof lead to. Raises ValueError."""
    if size <= 1:
        return leaf if (index, size, hashes) == (0, 1, []) else b""
    half, (*inner, beside) = 1 << (size - 1).bit_length() - 1, hashes
    if index < half:
        return sha256(b"\x01" + top(leaf, index, half, inner) + beside).digest()
    return sha256(b"\x01" + beside + top(leaf, index - half, size - half, inner)).digest()


def check(document: str, own: str = "") -> None:
    """Print what holds. Raises ValueError for what does not."""
    proof = json.loads(document)
    size, root = checkpoint(proof["checkpoint"], proof["public_key"])
    print(f"A checkpoint of {size} entries is signed by {proof['public_key']}.")
    if "\n\n" in own:
        covered, yours = checkpoint(own, proof["public_key"])
        if covered == size and yours != root:
            raise ValueError("your checkpoint has another root: there are two histories")
        print(f"The checkpoint you kept, of {covered} entries, is signed by the same key.")
    elif own and own.strip() != proof["public_key"]:
        raise ValueError("the key is not the one you kept")
    for each in proof["entries"]:
        name, text = f"entry {each['position']}", each["payload"]
        leaf, hashes = bytes.fromhex(each["commitment"]), map(bytes.fromhex, each["hashes"])
        salted = bytes.fromhex(each["salt"] or "") + (text or "").encode()
        if text and (json.loads(text)[1], sha256(salted).digest()) != (each["position"], leaf):
            raise ValueError(f"{name} is not what was committed to")
        if top(sha256(b"\0" + leaf).digest(), each["leaf"], size, list(hashes)) != root:
            raise ValueError(f"{name} does not stand in the log where it says")
        print(f"Leaf {each['leaf']}, {name}: {text or 'its content was erased, its place is kept'}")


if __name__ == "__main__":
    try:
        check(*(Path(each).read_text(encoding="utf-8") for each in sys.argv[1:3]))
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"This proof does not hold: {error}.")
    print("Everything in this proof holds.")
