"""Hashes, derivations, AEAD, signatures."""

import hashlib
import hmac as hmac_module

import argon2.low_level
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from errors import Corrupt, Unsupported

SUITES = {1: AESGCM, 2: ChaCha20Poly1305}
TAG = 16
ZERO_NONCE = bytes(12)


def H(data):
    return hashlib.sha256(data).digest()


def hmac(key, message):
    return hmac_module.new(key, message, hashlib.sha256).digest()


def equal(a, b):
    return hmac_module.compare_digest(a, b)


def expand(key, info, length=32):
    output, block, number = b"", b"", 1
    while len(output) < length:
        block = hmac(key, block + info + bytes([number]))
        output += block
        number += 1
    return output[:length]


def hkdf(ikm, salt, info):
    return expand(hmac(salt, ikm), info)


def suite(number):
    if number not in SUITES:
        raise Unsupported(f"suite {number} is not known")
    return number


def aead_open(number, key, nonce, data, associated, what):
    if len(data) < TAG:
        raise Corrupt(f"{what}: shorter than an authentication tag")
    try:
        return SUITES[suite(number)](key).decrypt(nonce, bytes(data), associated)
    except InvalidTag:
        raise Corrupt(f"{what}: authentication tag differs") from None


def signature_is_right(public, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def _raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def ed25519_public(seed):
    return _raw(Ed25519PrivateKey.from_private_bytes(seed).public_key())


def x25519_public(secret):
    return _raw(X25519PrivateKey.from_private_bytes(secret).public_key())


def x25519(secret, public, what):
    try:
        return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Corrupt(f"{what}: public key of small order") from None


def argon2id(password, salt, memory, passes, lanes):
    return argon2.low_level.hash_secret_raw(
        password, salt, time_cost=passes, memory_cost=memory, parallelism=lanes, hash_len=32,
        type=argon2.low_level.Type.ID, version=0x13)
